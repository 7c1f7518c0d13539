// The products are LibTorch's; an autograd function of our own says where they write.
//
// Shapes: B rows of a block, C any columns; else as in the header.
#include "engine/nn/linear.h"

#include "engine/base/cpu.h"
#include "engine/nn/bias_rows.h"
#include "engine/nn/surroundings.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <vector>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char *kShape = "shape", *kType = "type";
constexpr int64_t kWorthRows = 16, kWorthColumns = 512;  // that are worth a thread

// Undefined if the weight's first gradient is not wanted anywhere, or is there already: one map may
// be used twice, and gradients of several micro-batches add up.
torch::Tensor taken_place(const torch::Tensor& weight) {
  if (weight.grad().defined()) return {};
  auto* const wanted =
      dynamic_cast<GradientPlace*>(torch::autograd::impl::post_acc_grad_hooks(weight).get());
  if (wanted == nullptr || wanted->is_taken) return {};
  wanted->is_taken = true;
  return wanted->place.detach();  // a tensor of its own, which autograd takes without a copy
}

// Rows that are multiplied at a time if they are kept in bfloat16: in fp32, enough for a product to
// be efficient and few enough for a cache.
constexpr int64_t kRoundedRows = 1024;

// The product of rows kept in fp32, or in bfloat16 on a processor that multiplies fp32 faster:
// everything is then computed in fp32, weights as they are, and results are rounded.
struct LinearProduct : torch::autograd::Function<LinearProduct> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight_NK, const torch::Tensor& bias_N,
                               bool relu, bool rounds) {
    const int64_t N = weight_NK.size(0), K = weight_NK.size(1), T = x.numel() / K;
    auto shape = x.sizes().vec();
    context->saved_data[kShape] = shape;
    context->saved_data[kType] = x.scalar_type();
    shape.back() = N;
    const auto type = rounds ? torch::kBFloat16 : torch::kFloat;
    const auto x_TK = x.reshape({T, K}).to(type);
    auto y = at::empty(shape, x.options().dtype(type));
    const auto y_TN = y.view({T, N});
    const auto* const bias = bias_N.const_data_ptr<float>();
    for (const RowBlock& block : blocks(T, rounds)) {
      auto out_BN = block.result(y_TN);
      at::mm_out(out_BN, block.values(x_TK), weight_NK.t());
      auto* const rows = out_BN.data_ptr<float>();
      at::parallel_for(0, block.rows, kWorthRows, [&](int64_t begin, int64_t end) {
        add_bias(rows + begin * N, end - begin, N, bias, relu);
      });
      block.put(out_BN, y_TN);
    }
    context->save_for_backward({x_TK, weight_NK, relu ? y : torch::Tensor()});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x_TK = saved[0], &weight_NK = saved[1], &y = saved[2];
    const int64_t T = x_TK.size(0), N = weight_NK.size(0);
    const auto g_TN = gradients[0].reshape({T, N}).contiguous();
    const auto bias_gradient = at::empty({N}, weight_NK.options());
    torch::Tensor x_gradient_TK, weight_gradient;
    if (context->needs_input_grad(0)) {
      x_gradient_TK =
          at::empty(x_TK.sizes(), x_TK.options().dtype(context->saved_data[kType].toScalarType()));
    }
    if (context->needs_input_grad(1)) {
      weight_gradient = taken_place(weight_NK);
      if (!weight_gradient.defined()) weight_gradient = at::empty_like(weight_NK);
    }
    for (const RowBlock& block : blocks(T, x_TK.scalar_type() != torch::kFloat)) {
      auto g_BN = block.values(g_TN);
      const auto sums = block.first == 0 ? bias_gradient : at::empty_like(bias_gradient);
      g_BN = masked(g_BN, y.defined() ? block.values(y.view({T, N})) : y, sums);
      if (block.first > 0) bias_gradient.add_(sums);
      if (x_gradient_TK.defined()) {
        auto out_BK = block.result(x_gradient_TK);
        at::mm_out(out_BK, g_BN, weight_NK);
        block.put(out_BK, x_gradient_TK);
      }
      if (!weight_gradient.defined()) continue;
      if (block.first == 0)
        at::mm_out(weight_gradient, g_BN.t(), block.values(x_TK));
      else
        weight_gradient.addmm_(g_BN.t(), block.values(x_TK));
    }
    if (x_gradient_TK.defined())
      x_gradient_TK = x_gradient_TK.view(context->saved_data[kShape].toIntVector());
    return {x_gradient_TK, weight_gradient, bias_gradient, {}, {}};
  }

 private:
  /// Some rows of matrices, in fp32.
  struct RowBlock {
    int64_t first, rows;
    torch::Tensor values(const torch::Tensor& all_TC) const {
      return all_TC.narrow(0, first, rows).to(torch::kFloat);
    }
    /// Where they are to be computed, and then put.
    torch::Tensor result(const torch::Tensor& all_TC) const {
      if (all_TC.scalar_type() == torch::kFloat) return all_TC.narrow(0, first, rows);
      return at::empty({rows, all_TC.size(1)}, all_TC.options().dtype(torch::kFloat));
    }
    void put(const torch::Tensor& result_BC, const torch::Tensor& all_TC) const {
      if (all_TC.scalar_type() != torch::kFloat) all_TC.narrow(0, first, rows).copy_(result_BC);
    }
  };

  static std::vector<RowBlock> blocks(int64_t rows, bool are_rounded) {
    if (!are_rounded || rows == 0) return {{0, rows}};
    std::vector<RowBlock> out;
    for (int64_t first = 0; first < rows; first += kRoundedRows)
      out.push_back({first, std::min(kRoundedRows, rows - first)});
    return out;
  }

  // The gradient that passes the relu with the results y_BN, or all of it; `sums` are those of its
  // columns.
  static torch::Tensor masked(const torch::Tensor& g_BN, const torch::Tensor& y_BN,
                              const torch::Tensor& sums) {
    const int64_t N = g_BN.size(1);
    const auto masked_BN = y_BN.defined() ? at::empty_like(g_BN) : torch::Tensor();
    GradientColumns columns{
        .gradient = g_BN.const_data_ptr<float>(), .rows = g_BN.size(0), .width = N};
    if (y_BN.defined()) {
      columns.result = y_BN.const_data_ptr<float>();
      columns.masked = masked_BN.data_ptr<float>();
    }
    auto* const to = sums.data_ptr<float>();
    at::parallel_for(0, N, kWorthColumns, [&](int64_t begin, int64_t end) {
      GradientColumns own = columns;
      own.begin = begin;
      own.end = end;
      sum_columns(own, to);
    });
    return y_BN.defined() ? masked_BN : g_BN;
  }
};

bool is_plain(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat;
}

}  // namespace

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight_NK,
                     const torch::Tensor& bias_N, bool relu) {
  if (is_plain(x) && is_plain(weight_NK) && !at::autocast::is_autocast_enabled(at::kCPU))
    return LinearProduct::apply(x, weight_NK, bias_N, relu, /*rounds=*/false);
  if (x.is_cpu() && is_plain(weight_NK) && casts_to_bf16(at::kCPU) && !multiplies_bf16_faster()) {
    const c10::impl::ExcludeDispatchKeyGuard exact(c10::autocast_dispatch_keyset);
    return LinearProduct::apply(x, weight_NK, bias_N, relu, /*rounds=*/true);
  }
  const auto y = torch::linear(x, weight_NK, bias_N);
  return relu ? y.relu_() : y;
}

}  // namespace xp
