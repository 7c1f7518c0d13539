// The gradient of a softmax cross entropy is p - q: both matrix products of the backward pass
// follow at once.
#include "engine/nn/loss.h"

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

struct LinearCrossEntropy : torch::autograd::Function<LinearCrossEntropy> {
  static variable_list forward(AutogradContext* context, const torch::Tensor& h_TD,
                               const torch::Tensor& output_VD, const torch::Tensor& target_T,
                               double share, bool with_gradient) {
    const c10::impl::ExcludeDispatchKeyGuard exact(c10::autocast_dispatch_keyset);
    const auto h = h_TD.to(torch::kFloat), output = output_VD.to(torch::kFloat);
    const double vocabulary = static_cast<double>(output.size(0));
    // A share of the others alone is this share of all, the target included.
    const double smoothing = vocabulary > 1 ? share * vocabulary / (vocabulary - 1) : 0;
    auto nll = torch::zeros({}, h.options()), spread = torch::zeros({}, h.options());
    auto grad_h = with_gradient ? torch::empty_like(h) : torch::Tensor();
    auto grad_output = with_gradient ? torch::zeros_like(output) : torch::Tensor();
    for (int64_t first = 0; first < h.size(0); first += kPiece) {
      const int64_t end = std::min(first + kPiece, h.size(0));
      const auto piece = h.slice(0, first, end);
      const auto column = target_T.slice(0, first, end).unsqueeze(1);
      auto log_p =
          at::_log_softmax(torch::mm(piece, output.t()), /*dim=*/1, /*half_to_float=*/false);
      nll -= log_p.gather(1, column).sum();
      if (smoothing > 0) spread -= log_p.sum() / vocabulary;
      if (!with_gradient) continue;
      auto gradient = log_p.exp_();
      if (smoothing > 0) gradient.sub_(smoothing / vocabulary);
      gradient.scatter_add_(1, column,
                            torch::full(column.sizes(), smoothing - 1, gradient.options()));
      auto grad_piece = grad_h.slice(0, first, end);
      torch::mm_out(grad_piece, gradient, output);
      grad_output.addmm_(gradient.t(), piece);
    }
    context->saved_data["h"] = grad_h;
    context->saved_data["output"] = grad_output;
    context->mark_non_differentiable({nll});
    return {nll * (1 - smoothing) + spread * smoothing, nll};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto grad_h = context->saved_data["h"].toTensor().mul_(gradients[0]);
    const auto grad_output = context->saved_data["output"].toTensor().mul_(gradients[0]);
    context->saved_data.clear();
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
