// No exchange: the baseline whose MoE layers are ordinary feed-forward layers.
// Source: Vaswani et al. 2017, "Attention is all you need", https://arxiv.org/abs/1706.03762,
// section 3.3.
#include "engine/base/error.h"
#include "registry/exchange.h"

namespace xp {
namespace {

struct Dense final : Exchange {
  struct Config {
    void describe(auto&) {}

    static std::vector<Figure> figures() { return {{"has_experts", "0"}}; }
  };

  explicit Dense(const Config&) {}

  MoeResult forward(const MoeCall&) const override {
    throw Error(Blame::kBug, "a dense layer has no experts to exchange with");
  }
};

XP_REGISTER(Exchange, Dense, "dense", "every MoE layer is an ordinary FFN");

}  // namespace
}  // namespace xp
