// Flattens parameters.
#include "engine/train/parameters.h"

namespace xp {
namespace {

FlatBuffer flatten(std::vector<Parameter> parameters, const std::vector<std::string>& state_names,
                   int64_t tail) {
  FlatBuffer out;
  out.parameters = std::move(parameters);
  int64_t size = 0;
  for (const auto& parameter : out.parameters)
    size += parameter.tensor.numel();
  out.values = torch::empty({size});
  out.gradients = torch::zeros({size + tail});
  for (const auto& name : state_names)
    out.state[name] = torch::zeros({size});
  const torch::NoGradGuard no_grad;
  int64_t at = 0;
  for (auto& parameter : out.parameters) {
    auto& tensor = parameter.tensor;
    const int64_t end = at + tensor.numel();
    auto view = out.values.slice(0, at, end).view(tensor.sizes());
    view.copy_(tensor);
    tensor.set_data(view);
    tensor.mutable_grad() = out.gradients.slice(0, at, end).view(tensor.sizes());
    at = end;
  }
  return out;
}

}  // namespace

FlatParameters::FlatParameters(TranslationModel& model, const std::vector<std::string>& state_names,
                               int64_t tail) {
  std::vector<Parameter> of_all, of_rank;
  for (auto& parameter : model.parameter_list())
    (parameter.is_expert ? of_rank : of_all).push_back(parameter);
  shared = flatten(std::move(of_all), state_names, tail);
  experts = flatten(std::move(of_rank), state_names, 0);
}

void FlatParameters::zero_gradients() {
  shared.gradients.zero_();
  experts.gradients.zero_();
}

}  // namespace xp
