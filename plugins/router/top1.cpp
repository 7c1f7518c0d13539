// Top-1 gating: one expert per token, weighted by its raw probability.
// Source: Fedus et al. 2021, "Switch Transformers", https://arxiv.org/abs/2101.03961, section 2.2.
#include "engine/nn/moe.h"
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

  Routing route(const torch::Tensor& logits_TE, const CapacityRule& rule) const override {
    const int64_t T = logits_TE.size(0), E = logits_TE.size(1);
    const auto p_TE =
        torch::softmax(config.fp32 ? logits_TE.to(torch::kFloat) : logits_TE, /*dim=*/1);
    const auto [weight_T, expert_T] = p_TE.max(1);
    const int64_t capacity = capacity_slots(rule, /*choices=*/1, T, E);
    const auto priority_T = config.prioritized
                                ? weight_T.detach().argsort(/*stable=*/true, 0, /*descending=*/true)
                                : torch::Tensor();
    const auto expert_KT = expert_T.unsqueeze(0);
    const Slots slots = assign_slots(expert_KT, priority_T, E, capacity);
    return {slots.order_N, weight_T.index_select(0, slots.order_N).to(logits_TE.dtype()),
            slots.count_E, balance_loss(p_TE, expert_T),
            gate_metrics(p_TE, expert_KT, slots.kept_KT)};
  }

  Config config;
};

XP_REGISTER(Router, Top1, "top1", "one expert per token, weighted by its probability (Switch)");

}  // namespace
}  // namespace xp
