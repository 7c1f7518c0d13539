// Experts choose tokens, instead of tokens experts: every expert takes the tokens that it scores
// highest, so that all have the same work and none needs a balance loss.
// Source: Zhou et al. 2022, "Mixture-of-Experts with Expert Choice Routing",
// https://arxiv.org/abs/2202.09368, section 3.2.
//
// What an expert takes depends on the other tokens of the rank, in the decoder also on later ones,
// which a translation does not know yet: meant for encoders, here as an example.
//
// Shapes: T tokens, E experts, C tokens of each expert, N = E x C.
#include "engine/base/to_integer.h"
#include "engine/moe/slots.h"
#include "registry/router.h"

namespace xp {
namespace {

struct ExpertChoice final : Router {
  struct Config {
    static constexpr const char* kVersion = "1";  // count up when the same settings mean another
    double experts_per_token = 2;

    void describe(auto& field) {
      field("experts_per_token", experts_per_token, "experts that a token gets on average",
            above(0));
    }

    // What planning counts rows by.
    static std::vector<Figure> figures() { return {{"choices", "experts_per_token"}}; }
  };

  explicit ExpertChoice(const Config& c) : config(c) {}

  Routing route(const RouteCall& call) const override {
    const int64_t T = call.logits_TE.size(0), E = call.logits_TE.size(1);
    const auto p_TE = torch::softmax(call.logits_TE.to(torch::kFloat), /*dim=*/1);
    auto score_ET = p_TE.detach().t();
    int64_t num_free = T;
    if (call.pad_T.defined()) {
      score_ET = score_ET.masked_fill(call.pad_T, -1);
      num_free -= call.pad_T.sum().item<int64_t>();
    }
    const int64_t C = std::min(num_free, tokens_of_expert(call.capacity, T, E));
    const auto token_N = std::get<1>(score_ET.topk(C, /*dim=*/1)).flatten();
    const auto expert_N = torch::arange(E, torch::kLong).repeat_interleave(C);
    Routing out;
    out.token_N = token_N;
    out.weight_N = p_TE.index({token_N, expert_N}).to(call.logits_TE.dtype());
    out.count_E = torch::full({E}, C, torch::kLong);
    out.balance = p_TE.sum() * 0 + 1;
    out.metrics["unrouted"] =
        torch::tensor(num_free == 0 ? 0 : 1 - reached(token_N, T) / static_cast<double>(num_free),
                      torch::kDouble);
    return out;
  }

 private:
  // Without a capacity the average decides.
  int64_t tokens_of_expert(const CapacityRule& rule, int64_t T, int64_t E) const {
    const double average = config.experts_per_token * static_cast<double>(T);
    const auto share = to_integer(std::ceil(average / static_cast<double>(E)));
    const auto choices = to_integer(std::ceil(config.experts_per_token));
    const int64_t slots = capacity_slots(rule, choices, T, E);
    return std::min(T, slots == T ? share : slots);
  }

  static double reached(const torch::Tensor& token_N, int64_t T) {
    return torch::zeros({T}).index_fill(0, token_N, 1).sum().item<double>();
  }

  Config config;
};

XP_REGISTER(Router, ExpertChoice, "expert-choice", "every expert takes its best tokens");

}  // namespace
}  // namespace xp
