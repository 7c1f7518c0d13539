// No communication: every row goes to an expert of its own rank, as many rows as the router kept.
// What is trained is no result, since tokens do not get the experts that the gate chose for them;
// but a step computes what GShard's does, so that the difference in time is the price of the
// exchange.
//
// Shapes: T tokens, D width, N kept rows, X experts per rank, R ranks.
#include "engine/moe/parts.h"
#include "registry/exchange.h"

namespace xp {
namespace {

struct Stay final : Exchange {
  struct Config {
    void describe(auto&) {}

    static std::vector<Figure> figures() {
      return {{"has_experts", "1"},
              {"gives_result", "0"},
              {"global_share", "0"},
              {"expert_rows", "model.moe.rows"},
              {"local_rows", "model.moe.rows"},
              {"in_node_rows", "0"},
              {"inter_node_rows", "0"}};
    }
  };

  explicit Stay(const Config&) {}

  bool keeps_rows_independent(const Topology& topology) const override {
    return topology.ranks() == 1;
  }

  // The i-th expert of every other rank is the i-th expert here.
  MoeResult forward(const MoeCall& call) const override {
    const Routing routing = call.router.route(
        {call.logits_TE, call.capacity, call.pad_T, call.compatibility, call.draws});
    const auto rows_ND =
        run_experts(dispatched(call.x_TD, routing),
                    routing.count_E.view({-1, call.experts_per_rank}), experts_of(call, 0));
    MoeResult out{combined(rows_ND, routing, call.x_TD), routing.balance, {}};
    for (const auto& [name, value] : routing.metrics)
      out.metrics["local." + name] = value;
    return out;
  }
};

XP_REGISTER(Exchange, Stay, "stay", "rows stay on their rank: what communication costs; no result");

}  // namespace
}  // namespace xp
