// Top-2 gating with the GShard load-balancing loss.
// Source: Lepikhin et al. 2020, "GShard", https://arxiv.org/abs/2006.16668, algorithm 1; the
// predecessor's variants.
#include "engine/moe/slots.h"
#include "registry/router.h"

namespace xp {
namespace {

struct Top2 final : Router {
  struct Config {
    std::string second_expert = "all", normalize = "after-dropping";
    bool prioritized = true, fp32 = true;

    void describe(auto& field) {
      field("second_expert", second_expert,
            "which second choices are kept; in training, sampling adds Gumbel noise to the choice "
            "and random keeps it with twice its weight as chance",
            one_of({"all", "sampling", "random"}));
      field("normalize", normalize, "when the two weights are made to sum to 1",
            one_of({"after-dropping", "before-dropping"}));
      field("prioritized", prioritized,
            "tokens with the surest first choice get their slots first");
      field("fp32", fp32, "gate in 32-bit floats whatever the precision");
    }

    static std::vector<Figure> figures() { return {{"choices", "2"}}; }
  };

  explicit Top2(const Config& c) : config(c) {}

  Routing route(const RouteCall& call) const override {
    const int64_t T = call.logits_TE.size(0), E = call.logits_TE.size(1);
    const auto logits = config.fp32 ? call.logits_TE.to(torch::kFloat) : call.logits_TE;
    const auto p_TE = torch::softmax(logits, /*dim=*/1);
    const auto first_T = p_TE.detach().argmax(1);
    // One expert has no second choice: every second choice goes nowhere.
    const auto second_T =
        E == 1 ? torch::ones_like(first_T) : second_choice(logits.detach(), first_T, call);
    const auto weight_T = weight_of(p_TE, first_T);
    auto weight_KT = torch::stack({weight_T, E == 1 ? weight_T * 0 : weight_of(p_TE, second_T)});
    if (config.normalize == "before-dropping") weight_KT = normalized(weight_KT);
    const auto raw_KT = torch::stack({first_T, second_T});
    auto expert_KT = without_pads(raw_KT, call.pad_T, E);
    if (config.second_expert == "random" && draws_now(call)) {
      const auto chance_T = call.draws->uniform({T}, weight_KT.options());
      const auto lost_T = weight_KT[1].detach() * 2 <= chance_T;
      expert_KT = torch::stack({expert_KT[0], expert_KT[1].masked_fill(lost_T, E)});
    }
    const Slots slots = assign_slots(expert_KT, priority(p_TE, config.prioritized), E,
                                     capacity_slots(call.capacity, /*choices=*/2, T, E));
    weight_KT = weight_KT * slots.kept_KT;
    if (config.normalize == "after-dropping") weight_KT = normalized(weight_KT);
    return {slots.token_N(),
            slots.weight_N(weight_KT).to(call.logits_TE.dtype()),
            slots.count_E,
            balance_loss(p_TE, expert_KT[0]),
            gate_metrics(p_TE, raw_KT, expert_KT, slots.kept_KT, call.pad_T),
            slots.kept_E};
  }

  // The predecessor draws in evaluation too, so that two evaluations differ (predecessor.md 13.16).
  static bool draws_now(const RouteCall& call) {
    return call.capacity.training || call.compatibility == Compatibility::kSeed;
  }

  torch::Tensor second_choice(torch::Tensor logits_TE, const torch::Tensor& first_T,
                              const RouteCall& call) const {
    if (config.second_expert == "sampling" && draws_now(call))
      logits_TE = logits_TE + call.draws->gumbel(logits_TE.sizes().vec(), logits_TE.options());
    return logits_TE.scatter(1, first_T.unsqueeze(1), -std::numeric_limits<double>::infinity())
        .argmax(1);
  }

  static torch::Tensor weight_of(const torch::Tensor& p_TE, const torch::Tensor& expert_T) {
    return p_TE.gather(1, expert_T.unsqueeze(1)).squeeze(1);
  }

  static torch::Tensor normalized(const torch::Tensor& weight_KT) {
    return weight_KT /
           weight_KT.sum(0, /*keepdim=*/true).clamp_min(std::numeric_limits<float>::epsilon());
  }

  Config config;
};

XP_REGISTER(Router, Top2, "top2", "two experts per token, GShard load-balancing loss");

}  // namespace
}  // namespace xp
