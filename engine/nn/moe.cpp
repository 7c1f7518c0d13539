// Dispatch by index, exchange of exact rows, combination by weighted sums.
#include "engine/nn/moe.h"

#include "engine/base/error.h"
#include "engine/comm/all_to_all.h"

#include <cmath>

namespace xp {
namespace {

std::vector<int64_t> to_vector(const torch::Tensor& integers) {
  const auto cpu = integers.to(torch::kCPU).contiguous();
  const auto* first = cpu.data_ptr<int64_t>();
  return {first, first + cpu.numel()};
}

// Where each arriving row goes: rows come by source rank, then expert; experts want them by expert,
// then source.
struct Regroup {
  std::vector<int64_t> rows_of_expert;
  torch::Tensor by_expert_M;  // undefined where one expert or one rank makes both orders equal
};

Regroup regroup(const torch::Tensor& counts_RX) {
  Regroup out;
  out.rows_of_expert = to_vector(counts_RX.sum(0));
  if (counts_RX.size(0) == 1 || counts_RX.size(1) == 1) return out;
  const auto sizes = counts_RX.flatten();
  const auto expert_of_block = torch::arange(counts_RX.size(1)).repeat(counts_RX.size(0));
  const auto expert_M = expert_of_block.repeat_interleave(sizes);
  out.by_expert_M = expert_M.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  return out;
}

torch::Tensor run_experts(const torch::Tensor& rows_MD, const std::vector<int64_t>& rows_of_expert,
                          const ExpertFunction& expert) {
  if (rows_of_expert.size() == 1) return expert(0, rows_MD);
  const auto parts = rows_MD.split_with_sizes(rows_of_expert);
  std::vector<torch::Tensor> out;
  // An expert without rows runs too: its parameters stay in every rank's gradient graph.
  for (size_t i = 0; i < parts.size(); ++i)
    out.push_back(expert(static_cast<int64_t>(i), parts[i]));
  return torch::cat(out);
}

}  // namespace

int64_t capacity_slots(const CapacityRule& rule, int64_t choices, int64_t T, int64_t E) {
  const bool by_fraction = !rule.training && rule.fraction >= 0;
  if (by_fraction) {
    if (rule.fraction == 0) return T;
    return std::min(T, static_cast<int64_t>(std::ceil(rule.fraction * static_cast<double>(T))));
  }
  if (rule.factor <= 0) return T;
  const auto even = static_cast<double>(choices * ((T + E - 1) / E));
  return std::min(T, static_cast<int64_t>(even * rule.factor));
}

Slots assign_slots(const torch::Tensor& expert_KT, const torch::Tensor& priority_T, int64_t E,
                   int64_t capacity) {
  const int64_t T = expert_KT.size(1);
  const auto in_turn_KT = priority_T.defined() ? expert_KT.index_select(1, priority_T) : expert_KT;
  const auto [expert_J, choice_J] =
      in_turn_KT.flatten().sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const auto wanted_E = torch::bincount(expert_J, {}, E + 1);
  const auto start_E = wanted_E.cumsum(0) - wanted_E;
  const auto slot_J =
      torch::arange(expert_J.size(0), expert_J.options()) - start_E.index_select(0, expert_J);
  const auto keep_J = (slot_J < capacity).logical_and_(expert_J < E);

  Slots out;
  auto kept_choice_N = choice_J.masked_select(keep_J);
  if (priority_T.defined()) {
    const auto turn_N = kept_choice_N.remainder(std::max<int64_t>(T, 1));
    kept_choice_N = kept_choice_N - turn_N + priority_T.index_select(0, turn_N);
  }
  out.order_N = kept_choice_N;
  out.kept_KT = torch::zeros({expert_KT.numel()}, expert_KT.options().dtype(torch::kBool))
                    .index_fill_(0, out.order_N, true)
                    .view_as(expert_KT);
  out.count_E = wanted_E.slice(0, 0, E).clamp_max(capacity).to(torch::kCPU);
  return out;
}

torch::Tensor balance_loss(const torch::Tensor& probability_TE, const torch::Tensor& first_T) {
  const int64_t T = probability_TE.size(0), E = probability_TE.size(1);
  if (T == 0) return probability_TE.sum();
  // A pad's choice is E, one past the last expert: counted nowhere.
  const auto share_E =
      torch::bincount(first_T, {}, E + 1).slice(0, 0, E).to(probability_TE.dtype()) /
      static_cast<double>(T);
  return (probability_TE.mean(0) * share_E).sum() * static_cast<double>(E);
}

std::map<std::string, double> gate_metrics(const torch::Tensor& probability_TE,
                                           const torch::Tensor& expert_KT,
                                           const torch::Tensor& kept_KT) {
  std::map<std::string, double> out;
  const int64_t T = probability_TE.size(0), E = probability_TE.size(1);
  if (T == 0) return out;
  const auto p = probability_TE.detach().to(torch::kFloat);
  out["entropy"] = -(p * p.clamp_min(1e-30).log()).sum(1).mean().item<double>();
  const char* const names[] = {"first", "second"};
  for (int64_t k = 0; k < expert_KT.size(0); ++k) {
    const auto expert_T = expert_KT[k];
    const std::string name = names[std::min<int64_t>(k, 1)];
    const auto chosen = (expert_T < E);
    const double num_chosen = chosen.sum().item<double>();
    const double dropped = chosen.logical_and(kept_KT[k].logical_not()).sum().item<double>();
    out["overflow_" + name] = num_chosen == 0 ? 0 : 100 * dropped / num_chosen;
    const auto percent_E = torch::bincount(expert_T, {}, E + 1).slice(0, 0, E).to(torch::kFloat) *
                           (100.0 / static_cast<double>(T));
    out["unused_" + name] = (percent_E == 0).sum().item<double>();
    const int64_t fifth = std::max<int64_t>(1, (E + 4) / 5);
    const auto sorted_E = std::get<0>(percent_E.sort());
    out["balance_top_" + name] = sorted_E.slice(0, E - fifth, E).sum().item<double>();
    out["balance_bottom_" + name] = sorted_E.slice(0, 0, fifth).sum().item<double>();
  }
  out["unrouted"] = kept_KT.any(0).logical_not().to(torch::kFloat).mean().item<double>();
  return out;
}

torch::Tensor exchange_with_experts(const torch::Tensor& x_TD, const Routing& routing, Group& group,
                                    int64_t experts_per_rank, const ExpertFunction& expert) {
  const int64_t R = group.size(), X = experts_per_rank;
  check(routing.count_E.numel() == R * X, "a routing counts the rows of every expert of its group");
  const std::vector<int64_t> one_row(static_cast<size_t>(R), 1);
  const auto counts_RX = routing.count_E.view({R, X});
  const auto arriving_RX = R == 1 ? counts_RX : group.all_to_all(counts_RX, one_row, one_row);
  const auto sent = to_vector(counts_RX.sum(1)), taken = to_vector(arriving_RX.sum(1));
  const Regroup order = regroup(arriving_RX);

  auto rows = x_TD.index_select(0, routing.token_N);
  if (R > 1) rows = all_to_all(rows, sent, taken, group);
  if (order.by_expert_M.defined()) rows = rows.index_select(0, order.by_expert_M);
  rows = run_experts(rows, order.rows_of_expert, expert);
  if (order.by_expert_M.defined()) rows = rows.index_select(0, order.by_expert_M.argsort());
  if (R > 1) rows = all_to_all(rows, taken, sent, group);
  // Under autocast the experts answer in bfloat16; sums are kept in the layer's own type.
  const auto weighted_ND = (rows * routing.weight_N.unsqueeze(1)).to(x_TD.dtype());
  return torch::zeros_like(x_TD).index_add(0, routing.token_N, weighted_ND);
}

}  // namespace xp
