// Routing as a stable sort of choices by expert.
#include "engine/moe/slots.h"

#include "engine/base/to_integer.h"

#include <cmath>

namespace xp {
int64_t capacity_slots(const CapacityRule& rule, int64_t choices, int64_t T, int64_t E) {
  const bool by_fraction = !rule.training && rule.fraction >= 0;
  if (by_fraction) {
    if (rule.fraction == 0) return T;
    return std::min(T, to_integer(std::ceil(rule.fraction * static_cast<double>(T))));
  }
  if (rule.factor <= 0) return T;
  const auto even = static_cast<double>(choices * ((T + E - 1) / E));
  return std::min(T, to_integer(even * rule.factor));
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

torch::Tensor priority(const torch::Tensor& probability_TE, bool prioritized) {
  if (!prioritized) return {};
  const auto surest_T = std::get<0>(probability_TE.detach().max(1));
  return surest_T.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
}

torch::Tensor without_pads(const torch::Tensor& expert_KT, const torch::Tensor& pad_T, int64_t E) {
  return pad_T.defined() ? expert_KT.masked_fill(pad_T, E) : expert_KT;
}

torch::Tensor balance_loss(const torch::Tensor& probability_TE, const torch::Tensor& first_T) {
  const int64_t T = probability_TE.size(0), E = probability_TE.size(1);
  if (T == 0) return probability_TE.sum();
  // No choice is E, one past the last expert: counted nowhere.
  const auto share_E =
      torch::bincount(first_T, {}, E + 1).slice(0, 0, E).to(probability_TE.dtype()) /
      static_cast<double>(T);
  return (probability_TE.mean(0) * share_E).sum() * static_cast<double>(E);
}

std::map<std::string, double> gate_metrics(const torch::Tensor& probability_TE,
                                           const torch::Tensor& raw_KT,
                                           const torch::Tensor& expert_KT,
                                           const torch::Tensor& kept_KT,
                                           const torch::Tensor& pad_T) {
  std::map<std::string, double> out;
  const int64_t T = probability_TE.size(0), E = probability_TE.size(1);
  if (T == 0) return out;
  const auto p = probability_TE.detach().to(torch::kFloat);
  out["entropy"] = -(p * p.clamp_min(1e-30).log()).sum(1).mean().item<double>();
  const char* const names[] = {"first", "second"};
  for (int64_t k = 0; k < expert_KT.size(0); ++k) {
    const std::string name = names[std::min<int64_t>(k, 1)];
    const auto chosen = (expert_KT[k] < E);
    const double num_chosen = chosen.sum().item<double>();
    const double dropped = chosen.logical_and(kept_KT[k].logical_not()).sum().item<double>();
    out["overflow_" + name] = num_chosen == 0 ? 0 : 100 * dropped / num_chosen;
    const auto percent_E = torch::bincount(raw_KT[k], {}, E + 1).slice(0, 0, E).to(torch::kFloat) *
                           (100.0 / static_cast<double>(T));
    out["unused_" + name] = (percent_E == 0).sum().item<double>();
    const int64_t fifth = std::max<int64_t>(1, (E + 4) / 5);
    const auto sorted_E = std::get<0>(percent_E.sort());
    out["balance_top_" + name] = sorted_E.slice(0, E - fifth, E).sum().item<double>();
    out["balance_bottom_" + name] = sorted_E.slice(0, 0, fifth).sum().item<double>();
  }
  const double pads = pad_T.defined() ? pad_T.sum().item<double>() : 0;
  const double without_slot = kept_KT.any(0).logical_not().sum().item<double>();
  const double tokens = static_cast<double>(T) - pads;
  out["unrouted"] = tokens == 0 ? 0 : (without_slot - pads) / tokens;
  return out;
}

}  // namespace xp
