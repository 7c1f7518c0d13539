// The gradient of a softmax cross entropy is p - q: it is computed with the loss and kept in place
// of the logits.
#include "engine/nn/loss.h"

#include <torch/csrc/autograd/custom_function.h>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SmoothedCrossEntropy : torch::autograd::Function<SmoothedCrossEntropy> {
  static variable_list forward(AutogradContext* context, const torch::Tensor& logits_TV,
                               const torch::Tensor& target_T, double smoothing) {
    const auto column_T1 = target_T.unsqueeze(1);
    auto log_p_TV = torch::log_softmax(logits_TV, /*dim=*/1, torch::kFloat);
    const auto nll = log_p_TV.gather(1, column_T1).sum().neg();
    auto objective = nll;
    if (smoothing > 0) {
      const auto spread = log_p_TV.mean(1).sum().neg();
      objective = nll * (1 - smoothing) + spread * smoothing;
    }
    auto gradient_TV = log_p_TV.exp_();
    if (smoothing > 0) gradient_TV.sub_(smoothing / static_cast<double>(gradient_TV.size(1)));
    gradient_TV.scatter_add_(1, column_T1,
                             torch::full(column_T1.sizes(), smoothing - 1, gradient_TV.options()));
    context->saved_data["gradient"] = gradient_TV.to(logits_TV.dtype());
    context->mark_non_differentiable({nll});
    return {smoothing > 0 ? objective : nll.clone(), nll};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    auto gradient_TV = context->saved_data["gradient"].toTensor();
    context->saved_data.clear();
    return {gradient_TV.mul_(gradients[0]), {}, {}};
  }
};

}  // namespace

CrossEntropy cross_entropy(const torch::Tensor& logits_TV, const torch::Tensor& target_T,
                           double smoothing) {
  const auto out = SmoothedCrossEntropy::apply(logits_TV, target_T, smoothing);
  return {out[0], out[1]};
}

}  // namespace xp
