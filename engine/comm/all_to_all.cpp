// The gradient of an all-to-all is the all-to-all with its row counts swapped.
#include "engine/comm/all_to_all.h"

#include <torch/csrc/autograd/custom_function.h>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct AllToAll : torch::autograd::Function<AllToAll> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows_ND,
                               const std::vector<int64_t>& sent, const std::vector<int64_t>& taken,
                               Group* group) {
    context->saved_data["sent"] = sent;
    context->saved_data["taken"] = taken;
    context->saved_data["group"] = reinterpret_cast<int64_t>(group);
    return group->all_to_all(rows_ND, sent, taken);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    auto* group = reinterpret_cast<Group*>(context->saved_data["group"].toInt());
    const auto sent = context->saved_data["sent"].toIntVector();
    const auto taken = context->saved_data["taken"].toIntVector();
    return {group->all_to_all(gradients[0], taken, sent), {}, {}, {}};
  }
};

}  // namespace

torch::Tensor all_to_all(const torch::Tensor& rows_ND, const std::vector<int64_t>& sent,
                         const std::vector<int64_t>& taken, Group& group) {
  return AllToAll::apply(rows_ND, sent, taken, &group);
}

}  // namespace xp
