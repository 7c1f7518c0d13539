// Top-1 gating: one expert per token, weighted by its raw probability.
// Source: Fedus et al. 2021, "Switch Transformers", https://arxiv.org/abs/2101.03961, section 2.2.
#include "engine/moe/slots.h"
#include "registry/router.h"

namespace xp {
namespace {

struct Top1 final : Router {
  struct Config {
    bool prioritized = true, fp32 = true;

    void describe(auto& field) {
      field("prioritized", prioritized, "tokens with the surest choice get their slots first");
      field("fp32", fp32, "gate in 32-bit floats whatever the precision");
    }

    static std::vector<Figure> figures() { return {{"choices", "1"}}; }
  };

  explicit Top1(const Config& c) : config(c) {}

  Routing route(const RouteCall& call) const override {
    const int64_t T = call.logits_TE.size(0), E = call.logits_TE.size(1);
    const auto logits = config.fp32 ? call.logits_TE.to(torch::kFloat) : call.logits_TE;
    const auto p_TE = torch::softmax(logits, /*dim=*/1);
    const auto [weight_T, choice_T] = p_TE.max(1);
    const auto raw_KT = choice_T.unsqueeze(0), expert_KT = without_pads(raw_KT, call.pad_T, E);
    const Slots slots = assign_slots(expert_KT, priority(p_TE, config.prioritized), E,
                                     capacity_slots(call.capacity, /*choices=*/1, T, E));
    return {slots.order_N,
            slots.weight_N(weight_T).to(call.logits_TE.dtype()),
            slots.count_E,
            balance_loss(p_TE, expert_KT[0]),
            gate_metrics(p_TE, raw_KT, expert_KT, slots.kept_KT, call.pad_T),
            slots.kept_E};
  }

  Config config;
};

XP_REGISTER(Router, Top1, "top1", "one expert per token, weighted by its probability (Switch)");

}  // namespace
}  // namespace xp
