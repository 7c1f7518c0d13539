// Routing as a stable sort of choices by expert.
#include "engine/moe/slots.h"

#include "engine/base/to_integer.h"
#include "engine/device/ops.h"

#include <cmath>

namespace xp {
namespace {

// How many slots may be sent although nobody has them: for each choice; or at all, as waiting for
// the counts would take longer than so few rows.
constexpr int64_t kMaxSlotsPerChoice = 2, kFewSlots = 8192;

// Every slot is a row.
Slots all_slots(const torch::Tensor& expert_KT, const torch::Tensor& priority_T, int64_t E,
                int64_t capacity) {
  const SlotTable table = slot_table(expert_KT, priority_T, E, capacity);
  return {table.choice_EC.flatten(), table.kept_KT, torch::full({E}, capacity, torch::kLong),
          table.count_E, expert_KT.size(1)};
}

// What is to be kept, in its order; the host knows how much that is.
torch::Tensor chosen(const torch::Tensor& choice_J, const torch::Tensor& keep_J,
                     const torch::Tensor& count_E) {
  if (choice_J.is_cpu()) return choice_J.masked_select(keep_J);
  const auto first_J =
      keep_J.logical_not().argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  return choice_J.index_select(0, first_J.slice(0, 0, count_E.sum().item<int64_t>()));
}

}  // namespace

torch::Tensor counted(const torch::Tensor& integers, int64_t bins) {
  if (integers.is_cpu()) return torch::bincount(integers, {}, bins);
  return torch::zeros({bins}, integers.options())
      .scatter_add_(0, integers, torch::ones_like(integers));
}

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
  const bool fits = E * capacity <= std::max(kMaxSlotsPerChoice * expert_KT.numel(), kFewSlots);
  if (!expert_KT.is_cpu() && fits) return all_slots(expert_KT, priority_T, E, capacity);
  const auto in_turn_KT = priority_T.defined() ? expert_KT.index_select(1, priority_T) : expert_KT;
  const auto [expert_J, choice_J] =
      in_turn_KT.flatten().sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const auto wanted_E = counted(expert_J, E + 1);
  const auto start_E = wanted_E.cumsum(0) - wanted_E;
  const auto slot_J =
      torch::arange(expert_J.size(0), expert_J.options()) - start_E.index_select(0, expert_J);
  const auto keep_J = (slot_J < capacity).logical_and_(expert_J < E);

  Slots out;
  out.num_tokens = T;
  out.count_E = wanted_E.slice(0, 0, E).clamp_max(capacity).to(torch::kCPU);
  auto kept_choice_N = chosen(choice_J, keep_J, out.count_E);
  if (priority_T.defined()) {
    const auto turn_N = kept_choice_N.remainder(std::max<int64_t>(T, 1));
    kept_choice_N = kept_choice_N - turn_N + priority_T.index_select(0, turn_N);
  }
  out.order_N = kept_choice_N;
  out.kept_KT = torch::zeros({expert_KT.numel()}, expert_KT.options().dtype(torch::kBool))
                    .index_fill_(0, out.order_N, true)
                    .view_as(expert_KT);
  return out;
}

torch::Tensor Slots::token_N() const {
  if (num_tokens == 0) return order_N;
  const auto token_N = order_N.remainder(num_tokens);
  return kept_E.defined() ? torch::where(order_N < 0, order_N, token_N) : token_N;
}

torch::Tensor Slots::weight_N(const torch::Tensor& weight_KT) const {
  const auto weight_J = weight_KT.flatten();
  if (!kept_E.defined()) return weight_J.index_select(0, order_N);
  return gather_rows(weight_J.unsqueeze(1), order_N).squeeze(1);
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
      counted(first_T, E + 1).slice(0, 0, E).to(probability_TE.dtype()) / static_cast<double>(T);
  return (probability_TE.mean(0) * share_E).sum() * static_cast<double>(E);
}

GateFigures gate_metrics(const torch::Tensor& probability_TE, const torch::Tensor& raw_KT,
                         const torch::Tensor& expert_KT, const torch::Tensor& kept_KT,
                         const torch::Tensor& pad_T) {
  const torch::NoGradGuard no_grad;
  GateFigures out;
  const int64_t T = probability_TE.size(0), E = probability_TE.size(1);
  if (T == 0) return out;
  const auto p = probability_TE.detach().to(torch::kFloat);
  out["entropy"] = -(p * p.clamp_min(1e-30).log()).sum(1).mean().to(torch::kDouble);
  const char* const names[] = {"first", "second"};
  for (int64_t k = 0; k < expert_KT.size(0); ++k) {
    const std::string name = names[std::min<int64_t>(k, 1)];
    const auto chosen_T = (expert_KT[k] < E);
    const auto num_chosen = chosen_T.sum().to(torch::kDouble);
    const auto dropped = chosen_T.logical_and(kept_KT[k].logical_not()).sum();
    out["overflow_" + name] = 100 * dropped.to(torch::kDouble) / num_chosen.clamp_min(1);
    const auto percent_E = counted(raw_KT[k], E + 1).slice(0, 0, E).to(torch::kFloat) *
                           (100.0 / static_cast<double>(T));
    out["unused_" + name] = (percent_E == 0).sum().to(torch::kDouble);
    const int64_t fifth = std::max<int64_t>(1, (E + 4) / 5);
    const auto sorted_E = std::get<0>(percent_E.sort());
    out["balance_top_" + name] = sorted_E.slice(0, E - fifth, E).sum().to(torch::kDouble);
    out["balance_bottom_" + name] = sorted_E.slice(0, 0, fifth).sum().to(torch::kDouble);
  }
  auto without_slot = kept_KT.any(0).logical_not().sum().to(torch::kDouble);
  auto tokens = torch::full({}, static_cast<double>(T), without_slot.options());
  if (pad_T.defined()) {
    const auto pads = pad_T.sum();
    without_slot = without_slot - pads;
    tokens = tokens - pads;
  }
  out["unrouted"] = without_slot / tokens.clamp_min(1);
  return out;
}

}  // namespace xp
