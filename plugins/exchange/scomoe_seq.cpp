// SCoMoE-seq: tokens are split into three groups that stay on the rank, in the node, or may cross
// nodes. Source: Zeng and Xiong 2023, "SCoMoE", ICLR, section 3.1; the predecessor's layer
// (scomoe/moe.py:332-420).
//
// Shapes: T tokens, D width, N nodes, G ranks per node, X experts per rank, E = N*G*X experts.
#include "engine/base/error.h"
#include "engine/nn/moe.h"
#include "registry/exchange.h"

#include <cmath>

namespace xp {
namespace {

constexpr double kRounding = 1e-9;  // 0.2 + 0.8 is 1 whatever binary floats say

struct ScomoeSeq final : Exchange {
  struct Config {
    double alpha = 0.2, beta = 0.5;
    std::string first = "gshard";

    void describe(auto& field) {
      field("alpha", alpha, "share of the tokens that stays on the accelerator", fraction());
      field("beta", beta, "share of the tokens that stays in the node; the rest may cross nodes",
            fraction());
      field("first", first, "what the first MoE layer of each stack uses; \"same\" = this exchange",
            one_of({"gshard", "same"}));
    }

    static std::vector<Rule> rules() {
      return {{"E040",
               "alpha + beta <= 1",
               "alpha + beta in [model.moe.exchange] is {alpha} + {beta}; must be at most 1",
               {"alpha", "beta"}}};
    }

    // Rows of full width per token and all-to-all. One expert of the rank sees its own share once,
    // several see it twice; on one node beta takes the rest.
    static std::vector<Figure> figures() {
      return {{"has_experts", "1"},
              {"spares_first", "if(first == 'gshard', 1, 0)"},
              {"node_share", "if(launch.nodes == 1, 1 - alpha, beta)"},
              {"global_share", "max(0, 1 - alpha - node_share)"},
              {"own_rows", "alpha * if(model.moe.experts == launch.ranks, 1, 2)"},
              {"expert_rows", "own_rows + (node_share + global_share) * model.moe.rows"},
              {"local_rows",
               "own_rows + model.moe.rows * (node_share / launch.ranks_per_node + global_share / "
               "launch.ranks)"},
              {"in_node_rows",
               "model.moe.rows * (node_share * (1 - 1 / launch.ranks_per_node) + global_share * "
               "(launch.ranks_per_node - 1) / launch.ranks)"},
              {"inter_node_rows", "model.moe.rows * global_share * (1 - 1 / launch.nodes)"}};
    }
  };

  explicit ScomoeSeq(const Config& c) : config(c) {}

  bool spares_first_layer() const override { return config.first == "gshard"; }

  std::unique_ptr<Exchange> for_evaluation(std::optional<double> alpha,
                                           std::optional<double> beta) const override {
    Config other = config;
    other.alpha = alpha.value_or(0);
    other.beta = beta.value_or(0);
    return std::make_unique<ScomoeSeq>(other);
  }

  MoeResult forward(const MoeCall& call) const override {
    const auto& topology = call.groups.world->topology();
    const int64_t X = call.experts_per_rank, G = topology.ranks_per_node;
    const int64_t rank = call.groups.world->rank();
    const auto own_TX = call.logits_TE.slice(1, rank * X, (rank + 1) * X);
    const int64_t first_of_node = rank / G * G * X;
    const auto node_TY = call.logits_TE.slice(1, first_of_node, first_of_node + G * X);
    const Split split = split_tokens(own_TX.detach(), node_TY.detach(), shares(topology));

    MoeResult out{torch::zeros_like(call.x_TD), call.logits_TE.sum() * 0, {}};
    int64_t parts = 0;
    if (split.local.defined()) {
      add(out, split.local, local(call, split.local, own_TX.index_select(0, split.local)));
      ++parts;
    }
    const auto routed = [&](const torch::Tensor& tokens, const torch::Tensor& logits, Group& group,
                            const char* part) {
      if (!tokens.defined()) return;
      add(out, tokens, exchanged(call, tokens, logits.index_select(0, tokens), group, out, part));
      ++parts;
    };
    routed(split.node, node_TY, *call.groups.node, "node.");
    routed(split.global, call.logits_TE, *call.groups.world, "global.");
    out.balance = out.balance / static_cast<double>(std::max<int64_t>(parts, 1));
    return out;
  }

  struct Shares {
    double local, node;
  };
  struct Split {
    torch::Tensor local, node, global;  // token indices; undefined where the share is 0
  };

  // On one node nothing can cross nodes: beta takes the rest (seed 4.1).
  Shares shares(const Topology& topology) const {
    return {config.alpha, topology.nodes == 1 ? 1 - config.alpha : config.beta};
  }

  // Which parts exist depends on the shares alone, so that all ranks agree. Sizes are differences
  // of rounded borders: no token is left over. The rank chooses its tokens by mean logit over its
  // experts, then the node (seed 4.2).
  static Split split_tokens(const torch::Tensor& own_TX, const torch::Tensor& node_TY,
                            const Shares& share) {
    const int64_t T = own_TX.size(0);
    const auto border = [T](double upto) {
      return std::min<int64_t>(T, std::llround(upto * static_cast<double>(T) + kRounding));
    };
    const bool all_in_node = share.local + share.node >= 1 - kRounding;
    const int64_t num_local = border(share.local);
    const int64_t num_node = (all_in_node ? T : border(share.local + share.node)) - num_local;
    Split out;
    auto rest_T = torch::arange(T, own_TX.options().dtype(torch::kLong));
    const auto take = [&rest_T](const torch::Tensor& score_T, int64_t count) {
      const auto order =
          score_T.index_select(0, rest_T).argsort(/*stable=*/true, 0, /*descending=*/true);
      const auto taken = std::get<0>(rest_T.index_select(0, order.slice(0, 0, count)).sort());
      rest_T = std::get<0>(rest_T.index_select(0, order.slice(0, count)).sort());
      return taken;
    };
    if (share.local > kRounding) out.local = take(own_TX.mean(1), num_local);
    if (share.node > kRounding) out.node = all_in_node ? rest_T : take(node_TY.mean(1), num_node);
    if (!all_in_node) out.global = rest_T;
    return out;
  }

  static void add(MoeResult& out, const torch::Tensor& tokens, const torch::Tensor& rows) {
    out.y_TD = out.y_TD.index_add(0, tokens, rows.to(out.y_TD.dtype()));
  }

  // Own experts only: no slots, no loss; one expert takes the tokens unweighted, several are mixed
  // by the best two.
  static torch::Tensor local(const MoeCall& call, const torch::Tensor& tokens,
                             const torch::Tensor& logits_KX) {
    const auto x_KD = call.x_TD.index_select(0, tokens);
    const int64_t X = logits_KX.size(1);
    if (X == 1) return call.expert(0, 0, x_KD);
    const auto [logit_K2, expert_K2] = logits_KX.topk(2, 1);
    const auto weight_K2 = torch::softmax(logit_K2.to(torch::kFloat), 1);
    auto y_KD = torch::zeros_like(x_KD);
    for (int64_t expert = 0; expert < X; ++expert) {
      const auto chosen = (expert_K2 == expert).nonzero();
      const auto row = chosen.select(1, 0), choice = chosen.select(1, 1);
      const auto weight = weight_K2.index({row, choice}).unsqueeze(1);
      const auto rows = call.expert(0, expert, x_KD.index_select(0, row)) * weight;
      y_KD = y_KD.index_add(0, row, rows.to(y_KD.dtype()));
    }
    return y_KD;
  }

  static torch::Tensor exchanged(const MoeCall& call, const torch::Tensor& tokens,
                                 const torch::Tensor& logits, Group& group, MoeResult& out,
                                 const std::string& part) {
    const Routing routing = call.router.route(logits, call.capacity);
    out.balance = out.balance + routing.balance;
    for (const auto& [name, value] : routing.metrics)
      out.metrics[part + name] = value;
    const auto expert = [&call](int64_t index, const torch::Tensor& rows) {
      return call.expert(0, index, rows);
    };
    return exchange_with_experts(call.x_TD.index_select(0, tokens), routing, group,
                                 call.experts_per_rank, expert);
  }

  Config config;
};

XP_REGISTER(Exchange, ScomoeSeq, "scomoe-seq",
            "tokens split into local, node and global groups (SCoMoE)");

}  // namespace
}  // namespace xp
