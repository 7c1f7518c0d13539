// The products are LibTorch's; an autograd function of our own says where they write.
#include "engine/nn/linear.h"

#include "engine/nn/bias_rows.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kShape = "shape";
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

struct LinearProduct : torch::autograd::Function<LinearProduct> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight_NK, const torch::Tensor& bias_N,
                               bool relu) {
    const int64_t N = weight_NK.size(0), K = weight_NK.size(1), T = x.numel() / K;
    auto shape = x.sizes().vec();
    context->saved_data[kShape] = shape;
    shape.back() = N;
    const auto x_TK = x.reshape({T, K});
    auto y = at::empty(shape, x.options());
    auto y_TN = y.view({T, N});
    at::mm_out(y_TN, x_TK, weight_NK.t());
    auto* const rows = y.data_ptr<float>();
    const auto* const bias = bias_N.const_data_ptr<float>();
    at::parallel_for(0, T, kWorthRows, [&](int64_t begin, int64_t end) {
      add_bias(rows + begin * N, end - begin, N, bias, relu);
    });
    context->save_for_backward({x_TK, weight_NK, relu ? y : torch::Tensor()});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x_TK = saved[0], &weight_NK = saved[1], &y = saved[2];
    const int64_t T = x_TK.size(0), N = weight_NK.size(0);
    auto g_TN = gradients[0].reshape({T, N}).contiguous();
    const auto masked_TN = y.defined() ? at::empty_like(g_TN) : torch::Tensor();
    const auto bias_gradient = at::empty({N}, g_TN.options());
    GradientColumns columns{.gradient = g_TN.const_data_ptr<float>(), .rows = T, .width = N};
    if (y.defined()) {
      columns.result = y.const_data_ptr<float>();
      columns.masked = masked_TN.data_ptr<float>();
    }
    auto* const sums = bias_gradient.data_ptr<float>();
    at::parallel_for(0, N, kWorthColumns, [&](int64_t begin, int64_t end) {
      GradientColumns own = columns;
      own.begin = begin;
      own.end = end;
      sum_columns(own, sums);
    });
    if (y.defined()) g_TN = masked_TN;
    torch::Tensor x_gradient, weight_gradient;
    if (context->needs_input_grad(0))
      x_gradient = at::mm(g_TN, weight_NK).view(context->saved_data[kShape].toIntVector());
    if (context->needs_input_grad(1)) {
      weight_gradient = taken_place(weight_NK);
      if (weight_gradient.defined())
        at::mm_out(weight_gradient, g_TN.t(), x_TK);
      else
        weight_gradient = at::mm(g_TN.t(), x_TK);
    }
    return {x_gradient, weight_gradient, bias_gradient, {}};
  }
};

bool is_plain(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat;
}

}  // namespace

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight_NK,
                     const torch::Tensor& bias_N, bool relu) {
  if (is_plain(x) && is_plain(weight_NK) && !at::autocast::is_autocast_enabled(at::kCPU))
    return LinearProduct::apply(x, weight_NK, bias_N, relu);
  const auto y = torch::linear(x, weight_NK, bias_N);
  return relu ? y.relu_() : y;
}

}  // namespace xp
