// An autograd function that holds its block and what surrounded it.
#include "engine/nn/recompute.h"

#include "engine/nn/surroundings.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace xp {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Its surroundings while it lives, those of before afterwards.
class Revisit {
 public:
  explicit Revisit(const Surroundings& there) : here_(Surroundings::now()) { there.restore(); }
  ~Revisit() {
    here_.restore();
    // Weights that autocast rounded and kept would outlive the next update.
    if (!here_.has_autocast()) at::autocast::clear_cache();
  }
  Revisit(const Revisit&) = delete;
  Revisit& operator=(const Revisit&) = delete;

 private:
  Surroundings here_;
};

struct Recipe : torch::CustomClassHolder {
  Recipe(Block what, Surroundings where) : block(std::move(what)), surroundings(std::move(where)) {}
  Block block;
  Surroundings surroundings;
};

struct Recompute : torch::autograd::Function<Recompute> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const std::optional<torch::Tensor>& given,
                               const c10::intrusive_ptr<Recipe>& recipe) {
    const torch::Tensor y = given.value_or(torch::Tensor());
    context->save_for_backward({x, y});
    context->saved_data["recipe"] =
        c10::IValue::make_capsule(c10::intrusive_ptr<torch::CustomClassHolder>(recipe));
    return recipe->block(x, y);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto recipe =
        c10::static_intrusive_pointer_cast<Recipe>(context->saved_data["recipe"].toCapsule());
    variable_list inputs;
    for (const auto& saved : context->get_saved_variables())
      inputs.push_back(saved.defined() ? saved.detach().requires_grad_(saved.requires_grad())
                                       : saved);
    torch::Tensor out;
    {
      const Revisit revisit(recipe->surroundings);
      out = recipe->block(inputs[0], inputs[1]);
    }
    torch::autograd::backward({out}, {gradients[0]});
    return {inputs[0].grad(), inputs[1].defined() ? inputs[1].grad() : torch::Tensor(), {}};
  }
};

}  // namespace

torch::Tensor recomputed(const Block& block, const torch::Tensor& x, const torch::Tensor& y) {
  if (!torch::GradMode::is_enabled()) return block(x, y);
  // Autograd takes no undefined tensor.
  const auto given = y.defined() ? std::optional(y) : std::nullopt;
  return Recompute::apply(x, given, c10::make_intrusive<Recipe>(block, Surroundings::now()));
}

}  // namespace xp
