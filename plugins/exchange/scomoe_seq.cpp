// SCoMoE-seq: tokens are split into three groups that stay on the rank, in the node, or may cross
// nodes. Source: Zeng and Xiong 2023, "SCoMoE", ICLR, section 3.1; the predecessor's layer
// (predecessor.md 4.2).
//
// Shapes: T tokens, K tokens of a part, D width, X experts per rank, Y experts per node, E experts.
#include "engine/base/to_integer.h"
#include "engine/moe/parts.h"
#include "plugins/exchange/scomoe_declaration.h"
#include "registry/exchange.h"

namespace xp {
namespace {

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
      auto out = scomoe_rules();
      out.push_back({"E040",
                     "eval.exchange.alpha + eval.exchange.beta <= 1",
                     "alpha + beta in [eval.exchange] is {eval.exchange.alpha} + "
                     "{eval.exchange.beta}; must be at most 1",
                     {"eval.exchange.alpha", "eval.exchange.beta"}});
      return out;
    }
    static std::vector<Figure> figures() { return scomoe_figures(); }
    // Without shares SCoMoE-seq is GShard: every token chooses among all experts.
    static std::vector<EvaluationSetting> evaluation() { return scomoe_evaluation(0.0); }
    static std::vector<PredecessorOption> predecessor() { return scomoe_predecessor(); }
  };

  explicit ScomoeSeq(const Config& c) : config(c) {}

  bool clusters_by_node() const override { return config.alpha == 0 && config.beta != 1; }

  // Without shares every token chooses among all experts.
  bool keeps_rows_independent(const Topology& topology) const override {
    const Shares shares = on_topology({config.alpha, config.beta}, topology);
    return shares.local == 0 && (shares.node == 0 || topology.nodes == 1);
  }

  MoeResult forward(const MoeCall& call) const override {
    const PartLogits logits(call);
    const bool as_seed = call.compatibility == Compatibility::kSeed;
    const Shares shares = on_topology({config.alpha, config.beta}, call.groups.world->topology());
    const int64_t T = call.x_TD.size(0);
    const auto sizes = as_seed ? seed_sizes(T, shares) : part_sizes(T, shares);
    // The predecessor's ranks all have the same number of rows, hence the same parts.
    const auto present = as_seed ? std::array<bool, kNumParts>{sizes[kLocal] > 0, sizes[kNode] > 0,
                                                               sizes[kGlobal] > 0}
                                 : parts_present(shares);
    const auto tokens = split(logits, sizes, as_seed);

    RoutedParts routed(call);
    const auto rows_of = [&](Part part) { return call.x_TD.index_select(0, tokens[part]); };
    if (present[kNode])
      routed.add(kNode, rows_of(kNode), logits.node_TY.index_select(0, tokens[kNode]),
                 tokens[kNode]);
    if (present[kGlobal])
      routed.add(kGlobal, rows_of(kGlobal), logits.all_TE.index_select(0, tokens[kGlobal]),
                 tokens[kGlobal]);
    routed.send();
    MoeResult out{torch::zeros_like(call.x_TD), call.logits_TE.sum() * 0, routed.metrics};
    const auto add = [&out, &tokens](Part part, const torch::Tensor& rows) {
      out.y_TD = out.y_TD.index_add(0, tokens[part], rows.to(out.y_TD.dtype()));
    };
    if (present[kLocal]) {
      const auto own_KX = logits.own_TX.index_select(0, tokens[kLocal]);
      count_local_rows(call, own_KX);
      add(kLocal, mix_locally(rows_of(kLocal), own_KX, experts_of(call, 0)));
    }
    for (const auto& [part, rows] : routed.finish([](Part) { return 0; }))
      add(part, rows);
    // The local part has no gate; the predecessor counts it as one with loss 0
    // (predecessor.md 13.17).
    const int num_routed = int{present[kNode]} + int{present[kGlobal]};
    const int counted = num_routed + (as_seed ? int{present[kLocal]} : 0);
    if (num_routed > 0) out.balance = out.balance + routed.balance_sum / counted;
    return out;
  }

  // Truncated shares; the node takes the rest only if the shares sum to 1 in binary floats
  // (predecessor.md 4.2).
  static std::array<int64_t, kNumParts> seed_sizes(int64_t T, const Shares& shares) {
    const auto truncated = [T](double share) { return to_integer(share * static_cast<double>(T)); };
    const int64_t local = truncated(shares.local);
    const bool all_in_node = shares.local + shares.node == 1.0;
    const int64_t node = all_in_node ? T - local : truncated(shares.node);
    return {local, node, T - local - node};
  }

  // The rank chooses its tokens by mean logit over its experts, then the node
  // (predecessor.md 4.2). Tokens of a part stand in their order, or, as_seed, by falling score,
  // which then is their priority.
  static std::array<torch::Tensor, kNumParts> split(const PartLogits& logits,
                                                    const std::array<int64_t, kNumParts>& sizes,
                                                    bool as_seed) {
    const int64_t T = logits.own_TX.size(0);
    auto is_left_T = torch::ones({T}, logits.own_TX.options().dtype(torch::kBool));
    int64_t count_left = T;
    const auto take = [&](const torch::Tensor& score_TX, int64_t count) {
      const auto score_T = score_TX.detach().mean(1).masked_fill(
          is_left_T.logical_not(), -std::numeric_limits<double>::infinity());
      const auto taken = std::get<1>(score_T.topk(count));
      is_left_T.index_fill_(0, taken, false);
      count_left -= count;
      return as_seed ? taken : std::get<0>(taken.sort());
    };
    // Where rows are left is not asked of a device: how many is known.
    const auto rest = [&] {
      if (is_left_T.is_cpu()) return is_left_T.nonzero().squeeze(1);
      const auto first_T = is_left_T.logical_not().argsort(/*stable=*/true, /*dim=*/0,
                                                           /*descending=*/false);
      return first_T.slice(0, 0, count_left);
    };
    const auto local = take(logits.own_TX, sizes[kLocal]);
    if (sizes[kGlobal] == 0 && !as_seed) return {local, rest(), local.slice(0, 0, 0)};
    const auto node = take(logits.node_TY, sizes[kNode]);
    return {local, node, rest()};
  }

  Config config;
};

XP_REGISTER(Exchange, ScomoeSeq, "scomoe-seq",
            "tokens split into local, node and global groups (SCoMoE)");

}  // namespace
}  // namespace xp
