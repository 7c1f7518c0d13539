// Compositions of LibTorch's operators, on which nothing waits: order and ties are those of its
// stable sort, and sums are in the order of the rows.
#include "engine/device/ops_cpu.h"

#include "engine/base/error.h"

namespace xp::cpu {
namespace {

using torch::Tensor;

// Sums are of this type.
torch::ScalarType sum_type(const Tensor& rows) {
  return rows.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
}

// Rows of x; zeros for -1.
Tensor picked(const Tensor& x_TD, const Tensor& token_N) {
  if (x_TD.size(0) == 0) return torch::zeros({token_N.size(0), x_TD.size(1)}, x_TD.options());
  const auto rows = x_TD.index_select(0, token_N.clamp_min(0));
  return rows.masked_fill_((token_N < 0).unsqueeze(1), 0);
}

void check_groups(const Tensor& rows_ND, torch::TensorList weight_X, const Tensor& start_X1) {
  check(rows_ND.dim() == 2 && start_X1.scalar_type() == torch::kLong &&
            start_X1.numel() == static_cast<int64_t>(weight_X.size()) + 1,
        "a grouped product has rows, and a start for each weight and the end");
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> assign_slots(const Tensor& expert_KT,
                                                const std::optional<Tensor>& priority_T, int64_t E,
                                                int64_t capacity) {
  const int64_t T = expert_KT.size(1), C = capacity;
  const auto in_turn_KT = priority_T ? expert_KT.index_select(1, *priority_T) : expert_KT;
  const auto [expert_J, turn_J] =
      in_turn_KT.flatten().sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const auto wanted_E = torch::bincount(expert_J, {}, E + 1);
  const auto start_E = wanted_E.cumsum(0) - wanted_E;
  const auto slot_J =
      torch::arange(expert_J.size(0), expert_J.options()) - start_E.index_select(0, expert_J);
  const auto keep_J = (slot_J < C).logical_and_(expert_J < E);
  auto choice_J = turn_J;
  if (priority_T && T > 0) {
    const auto place_J = turn_J.remainder(T);
    choice_J = turn_J - place_J + priority_T->index_select(0, place_J);
  }
  // What is not kept goes one past the last slot, and is cut off.
  const auto place_J = torch::where(keep_J, expert_J * C + slot_J, E * C);
  const auto choice_EC = torch::full({E * C + 1}, -1, expert_KT.options())
                             .scatter_(0, place_J, choice_J)
                             .slice(0, 0, E * C)
                             .view({E, C})
                             .contiguous();
  const auto kept_KT = torch::zeros({expert_KT.numel()}, expert_KT.options().dtype(torch::kBool))
                           .scatter_(0, choice_J, keep_J)
                           .view_as(expert_KT);
  return {choice_EC, kept_KT, wanted_E.slice(0, 0, E).clamp_max(C)};
}

Tensor gather_rows(const Tensor& x_TD, const Tensor& token_N) {
  return picked(x_TD, token_N);
}

Tensor scatter_rows(const Tensor& rows_ND, const Tensor& token_N, const Tensor& weight_N,
                    int64_t T) {
  const auto type = sum_type(rows_ND);
  // -1 goes to one more row, which is cut off.
  const auto weighted_ND = rows_ND.to(type) * weight_N.to(type).unsqueeze(1);
  const auto row_N = torch::where(token_N < 0, T, token_N);
  const auto y_TD = torch::zeros({T + 1, rows_ND.size(1)}, rows_ND.options().dtype(type))
                        .index_add_(0, row_N, weighted_ND);
  return y_TD.slice(0, 0, T).to(rows_ND.scalar_type()).contiguous();
}

std::tuple<Tensor, Tensor> scatter_rows_backward(const Tensor& dy_TD, const Tensor& rows_ND,
                                                 const Tensor& token_N, const Tensor& weight_N) {
  const auto type = sum_type(rows_ND);
  const auto dy_ND = picked(dy_TD, token_N).to(type);
  return {(dy_ND * weight_N.to(type).unsqueeze(1)).to(rows_ND.scalar_type()),
          (dy_ND * rows_ND.to(type)).sum(1).to(weight_N.scalar_type())};
}

Tensor grouped_product(const Tensor& rows_ND, torch::TensorList weight_X, torch::TensorList bias_X,
                       const Tensor& start_X1) {
  check_groups(rows_ND, weight_X, start_X1);
  check(!weight_X.empty() && (bias_X.empty() || bias_X.size() == weight_X.size()),
        "a grouped product has a bias for each weight, or none");
  const auto* start = start_X1.const_data_ptr<int64_t>();
  auto out_NO = torch::zeros({rows_ND.size(0), weight_X[0].size(0)}, rows_ND.options());
  for (size_t i = 0; i < weight_X.size(); ++i) {
    auto part = out_NO.slice(0, start[i], start[i + 1]);
    const auto rows = rows_ND.slice(0, start[i], start[i + 1]);
    if (bias_X.empty())
      torch::mm_out(part, rows, weight_X[i].t());
    else
      torch::addmm_out(part, bias_X[i], rows, weight_X[i].t());
  }
  return out_NO;
}

std::tuple<Tensor, Tensor, Tensor> grouped_product_backward(const Tensor& dy_NO,
                                                            const Tensor& rows_ND,
                                                            torch::TensorList weight_X,
                                                            const Tensor& start_X1) {
  check_groups(rows_ND, weight_X, start_X1);
  const auto* start = start_X1.const_data_ptr<int64_t>();
  const auto X = static_cast<int64_t>(weight_X.size());
  const int64_t O = weight_X[0].size(0), D = weight_X[0].size(1);
  auto d_rows_ND = torch::zeros_like(rows_ND);
  auto d_weight_XOD = torch::zeros({X, O, D}, weight_X[0].options());
  auto d_bias_XO = torch::zeros({X, O}, weight_X[0].options());
  for (int64_t i = 0; i < X; ++i) {
    const auto dy = dy_NO.slice(0, start[i], start[i + 1]);
    const auto rows = rows_ND.slice(0, start[i], start[i + 1]);
    auto d_rows = d_rows_ND.slice(0, start[i], start[i + 1]);
    torch::mm_out(d_rows, dy, weight_X[static_cast<size_t>(i)]);
    auto d_weight = d_weight_XOD[i];
    torch::mm_out(d_weight, dy.t(), rows);
    d_bias_XO[i].copy_(dy.sum(0));
  }
  return {d_rows_ND, d_weight_XOD, d_bias_XO};
}

}  // namespace xp::cpu
