// The plain exchange: any token may go to any expert of any rank.
// Source: Lepikhin et al. 2020, "GShard", https://arxiv.org/abs/2006.16668, section 3.
#include "engine/moe/parts.h"
#include "registry/exchange.h"

namespace xp {
namespace {

struct GShard final : Exchange {
  struct Config {
    void describe(auto&) {}

    // Rows of full width per token and all-to-all, for tokens spread evenly over experts. With
    // fewer experts than ranks, blocks of as many ranks as experts hold one set each. Rows that
    // cross nodes are spread within the other node.
    static std::vector<Figure> figures() {
      return {{"has_experts", "1"},
              {"global_share", "1"},
              {"mates", "min(launch.ranks_per_node, launch.ranks, model.moe.experts)"},
              {"expert_rows", "model.moe.rows"},
              {"local_rows", "model.moe.rows / mates"},
              {"in_node_rows", "model.moe.rows * (mates - 1) / mates"},
              {"inter_node_rows", "model.moe.rows * model.moe.crossing"}};
    }
  };

  explicit GShard(const Config&) {}

  MoeResult forward(const MoeCall& call) const override {
    RoutedParts routed(call);
    routed.add(kGlobal, call.x_TD, call.logits_TE, {});
    routed.send();
    const auto rows = routed.finish([](Part) { return 0; });
    MoeResult out{rows.at(kGlobal), routed.balance_sum, routed.metrics};
    return out;
  }
};

XP_REGISTER(Exchange, GShard, "gshard", "all-to-all over all ranks (GShard)");

}  // namespace
}  // namespace xp
