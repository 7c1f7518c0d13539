// The operators' schemas and their gradients. Implementations for the CPU are registered in
// ops_cpu.cpp, those of balanced_assignment and dropout_mask where their loops are.
#include "engine/device/ops.h"

#include "engine/device/ops_cpu.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace xp {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

TORCH_LIBRARY(xp, m) {
  m.def(
      "assign_slots(Tensor expert_KT, Tensor? priority_T, int E, int capacity) -> (Tensor, Tensor, "
      "Tensor)");
  m.def("gather_rows(Tensor x_TD, Tensor token_N) -> Tensor");
  m.def("scatter_rows(Tensor rows_ND, Tensor token_N, Tensor weight_N, int T) -> Tensor");
  m.def(
      "scatter_rows_backward(Tensor dy_TD, Tensor rows_ND, Tensor token_N, Tensor weight_N) -> "
      "(Tensor, Tensor)");
  m.def(
      "grouped_product(Tensor rows_ND, Tensor[] weight_X, Tensor[] bias_X, Tensor start_X1) -> "
      "Tensor");
  m.def(
      "grouped_product_backward(Tensor dy_NO, Tensor rows_ND, Tensor[] weight_X, Tensor start_X1) "
      "-> (Tensor, Tensor, Tensor)");
  m.def("balanced_assignment(Tensor value_GJ, int each) -> Tensor");
  m.def("dropout_mask(Tensor like, float p, int seed, int first) -> Tensor");
}

TORCH_LIBRARY_IMPL(xp, CPU, m) {
  m.impl("assign_slots", &cpu::assign_slots);
  m.impl("gather_rows", &cpu::gather_rows);
  m.impl("scatter_rows", &cpu::scatter_rows);
  m.impl("scatter_rows_backward", &cpu::scatter_rows_backward);
  m.impl("grouped_product", &cpu::grouped_product);
  m.impl("grouped_product_backward", &cpu::grouped_product_backward);
}

// The operator `name`, whose kernels have this signature.
template <class Signature>
auto operation(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Tensor call_gather(const Tensor& x_TD, const Tensor& token_N) {
  static const auto op = operation<decltype(cpu::gather_rows)>("xp::gather_rows");
  return op.call(x_TD, token_N);
}

Tensor call_scatter(const Tensor& rows_ND, const Tensor& token_N, const Tensor& weight_N,
                    int64_t T) {
  static const auto op = operation<decltype(cpu::scatter_rows)>("xp::scatter_rows");
  return op.call(rows_ND, token_N, weight_N, T);
}

struct GatherRows : torch::autograd::Function<GatherRows> {
  static Tensor forward(AutogradContext* context, const Tensor& x_TD, const Tensor& token_N) {
    context->save_for_backward({token_N});
    context->saved_data["T"] = x_TD.size(0);
    return call_gather(x_TD, token_N);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto token_N = context->get_saved_variables()[0];
    const auto ones_N = torch::ones({token_N.size(0)}, gradients[0].options());
    return {
        call_scatter(gradients[0].contiguous(), token_N, ones_N, context->saved_data["T"].toInt()),
        {}};
  }
};

struct ScatterRows : torch::autograd::Function<ScatterRows> {
  static Tensor forward(AutogradContext* context, const Tensor& rows_ND, const Tensor& token_N,
                        const Tensor& weight_N, int64_t T) {
    context->save_for_backward({rows_ND, token_N, weight_N});
    return call_scatter(rows_ND, token_N, weight_N, T);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    static const auto op =
        operation<decltype(cpu::scatter_rows_backward)>("xp::scatter_rows_backward");
    const auto saved = context->get_saved_variables();
    const auto [rows, weight] = op.call(gradients[0].contiguous(), saved[0], saved[1], saved[2]);
    return {rows, {}, weight, {}};
  }
};

struct GroupedProduct : torch::autograd::Function<GroupedProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& rows_ND, const Tensor& weight_XOD,
                        const std::optional<Tensor>& bias_XO, const Tensor& start_X1) {
    static const auto op = operation<decltype(cpu::grouped_product)>("xp::grouped_product");
    context->save_for_backward({rows_ND, weight_XOD, start_X1});
    context->saved_data["has_biases"] = bias_XO.has_value();
    const auto biases = bias_XO ? bias_XO->unbind(0) : variable_list();
    return op.call(rows_ND, weight_XOD.unbind(0), biases, start_X1);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    static const auto op =
        operation<decltype(cpu::grouped_product_backward)>("xp::grouped_product_backward");
    const auto saved = context->get_saved_variables();
    const auto [rows, weight, bias] =
        op.call(gradients[0].contiguous(), saved[0], saved[1].unbind(0), saved[2]);
    const bool has_biases = context->saved_data["has_biases"].toBool();
    return {rows, weight, has_biases ? bias : Tensor(), {}};
  }
};

}  // namespace

SlotTable slot_table(const Tensor& expert_KT, const Tensor& priority_T, int64_t E,
                     int64_t capacity) {
  static const auto op = operation<decltype(cpu::assign_slots)>("xp::assign_slots");
  const auto priority = priority_T.defined() ? std::optional(priority_T) : std::nullopt;
  const auto [choice, kept, count] = op.call(expert_KT, priority, E, capacity);
  return {choice, kept, count};
}

Tensor gather_rows(const Tensor& x_TD, const Tensor& token_N) {
  return GatherRows::apply(x_TD, token_N);
}

Tensor scatter_rows(const Tensor& rows_ND, const Tensor& token_N, const Tensor& weight_N,
                    int64_t T) {
  return ScatterRows::apply(rows_ND, token_N, weight_N, T);
}

Tensor grouped_product(const Tensor& rows_ND, const std::vector<Tensor>& weight_X,
                       const std::vector<Tensor>& bias_X, const Tensor& start_X1) {
  const auto device = rows_ND.device().type();
  const auto type = at::autocast::is_autocast_enabled(device)
                        ? at::autocast::get_autocast_dtype(device)
                        : rows_ND.scalar_type();
  const auto stacked = [type](const std::vector<Tensor>& tensors) {
    variable_list out;
    for (const auto& tensor : tensors)
      out.push_back(tensor.to(type));
    return torch::stack(out);
  };
  const auto bias_XO = bias_X.empty() ? std::nullopt : std::optional(stacked(bias_X));
  return GroupedProduct::apply(rows_ND.to(type), stacked(weight_X), bias_XO, start_X1);
}

Tensor balanced_jobs(const Tensor& value_GJ, int64_t each) {
  static const auto op = operation<Tensor(const Tensor&, int64_t)>("xp::balanced_assignment");
  return op.call(value_GJ, each);
}

Tensor dropout_mask(const Tensor& like, double p, uint64_t seed, int64_t first) {
  static const auto op =
      operation<Tensor(const Tensor&, double, int64_t, int64_t)>("xp::dropout_mask");
  return op.call(like, p, static_cast<int64_t>(seed), first);
}

}  // namespace xp
