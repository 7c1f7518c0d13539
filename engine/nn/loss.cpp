// The gradient of a softmax cross entropy is p - q: both matrix products of the backward pass
// follow at once.
#include "engine/nn/loss.h"

#include "engine/base/cpu.h"
#include "engine/nn/row_loss.h"
#include "engine/nn/surroundings.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/_log_softmax.h>
#include <torch/csrc/autograd/custom_function.h>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Few enough for a piece of logits to stay in the last-level cache, many enough for efficient
// products.
constexpr int64_t kPiece = 256;

struct PieceLoss {
  torch::Tensor nll, spread;  // scalars: sums over its rows
};

// Leaves the gradient in the logits' place if asked.
PieceLoss piece_loss_here(torch::Tensor& logits_RV, const torch::Tensor& target_R, double smoothing,
                          bool with_gradient) {
  const int64_t R = logits_RV.size(0), V = logits_RV.size(1);
  auto* const logits = logits_RV.data_ptr<float>();
  const auto target = target_R.contiguous();
  const auto* const targets = target.const_data_ptr<int64_t>();
  std::vector<RowLoss> losses(static_cast<size_t>(R));
  constexpr int64_t kWorth = 4;  // rows that are worth a thread
  at::parallel_for(0, R, kWorth, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const std::span<float> row(logits + r * V, static_cast<size_t>(V));
      losses[static_cast<size_t>(r)] = with_gradient ? row_gradient(row, targets[r], smoothing)
                                                     : row_loss(row, targets[r], smoothing);
    }
  });
  RowLoss sum;
  for (const RowLoss& loss : losses) {
    sum.nll += loss.nll;
    sum.spread += loss.spread;
  }
  return {torch::full({}, sum.nll, logits_RV.options()),
          torch::full({}, sum.spread, logits_RV.options())};
}

PieceLoss piece_loss(torch::Tensor& logits_RV, const torch::Tensor& target_R, double smoothing,
                     bool with_gradient) {
  if (logits_RV.is_cpu()) return piece_loss_here(logits_RV, target_R, smoothing, with_gradient);
  const auto vocabulary = static_cast<double>(logits_RV.size(1));
  const auto column = target_R.unsqueeze(1);
  auto log_p = at::_log_softmax(logits_RV, /*dim=*/1, /*half_to_float=*/false);
  PieceLoss out{-log_p.gather(1, column).sum(), torch::zeros({}, log_p.options())};
  if (smoothing > 0) out.spread = -log_p.sum() / vocabulary;
  if (!with_gradient) return out;
  logits_RV = log_p.exp_().sub_(smoothing / vocabulary);
  logits_RV.scatter_add_(1, column,
                         torch::full(column.sizes(), smoothing - 1, logits_RV.options()));
  return out;
}

// float16 cannot hold probabilities before the loss is scaled.
bool rounds_gradient(torch::DeviceType device) {
  return casts_to_bf16(device) && (device != torch::kCPU || multiplies_bf16_faster());
}

struct LinearCrossEntropy : torch::autograd::Function<LinearCrossEntropy> {
  static variable_list forward(AutogradContext* context, const torch::Tensor& h_TD,
                               const torch::Tensor& output_VD, const torch::Tensor& target_T,
                               double share, bool with_gradient) {
    // Asked first: what follows is without autocast.
    const bool rounds = with_gradient && rounds_gradient(h_TD.device().type());
    const c10::impl::ExcludeDispatchKeyGuard exact(c10::autocast_dispatch_keyset);
    const auto h = h_TD.to(torch::kFloat), output = output_VD.to(torch::kFloat);
    const double vocabulary = static_cast<double>(output.size(0));
    // A share of the others alone is this share of all, the target included.
    const double smoothing = vocabulary > 1 ? share * vocabulary / (vocabulary - 1) : 0;
    auto nll = torch::zeros({}, h.options()), spread = torch::zeros({}, h.options());
    auto grad_h = with_gradient ? torch::empty_like(h) : torch::Tensor();
    auto grad_output = with_gradient ? torch::empty_like(output) : torch::Tensor();
    if (with_gradient && h.size(0) == 0) grad_output.zero_();
    // Logits and the loss are exact; in bfloat16 the gradient is rounded if that makes its products
    // faster.
    const auto weight = rounds ? output.to(torch::kBFloat16) : output;
    for (int64_t first = 0; first < h.size(0); first += kPiece) {
      const int64_t end = std::min(first + kPiece, h.size(0));
      const auto piece = h.slice(0, first, end);
      auto logits = torch::mm(piece, output.t());
      const PieceLoss loss =
          piece_loss(logits, target_T.slice(0, first, end), smoothing, with_gradient);
      nll += loss.nll;
      spread += loss.spread;
      if (!with_gradient) continue;
      auto grad_piece = grad_h.slice(0, first, end);
      if (rounds) {
        const auto gradient = logits.to(torch::kBFloat16);
        grad_piece.copy_(torch::mm(gradient, weight));
        const auto product = torch::mm(gradient.t(), piece.to(torch::kBFloat16));
        if (first == 0)
          grad_output.copy_(product);
        else
          grad_output.add_(product);
        continue;
      }
      torch::mm_out(grad_piece, logits, weight);
      if (first == 0)
        torch::mm_out(grad_output, logits.t(), piece);
      else
        grad_output.addmm_(logits.t(), piece);
    }
    context->saved_data["h"] = grad_h;
    context->saved_data["output"] = grad_output;
    context->mark_non_differentiable({nll});
    return {nll * (1 - smoothing) + spread * smoothing, nll};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto grad_h = context->saved_data["h"].toTensor();
    const auto grad_output = context->saved_data["output"].toTensor();
    context->saved_data.clear();
    const bool is_one = gradients[0].is_cpu() && gradients[0].item<float>() == 1;
    if (!is_one) {
      grad_h.mul_(gradients[0]);
      grad_output.mul_(gradients[0]);
    }
    return {grad_h, grad_output, {}, {}, {}};
  }
};

}  // namespace

CrossEntropy cross_entropy(const torch::Tensor& h_TD, const torch::Tensor& output_VD,
                           const torch::Tensor& target_T, double smoothing) {
  const bool with_gradient =
      torch::GradMode::is_enabled() && (h_TD.requires_grad() || output_VD.requires_grad());
  const auto out = LinearCrossEntropy::apply(h_TD, output_VD, target_T, smoothing, with_gradient);
  return {out[0], out[1]};
}

}  // namespace xp
