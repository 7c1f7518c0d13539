// SCoMoE-feat: features are split into three slices that are worked on by experts of the rank, of
// the node, and of all ranks. Source: Zeng and Xiong 2023, "SCoMoE", ICLR, section 3.2; the
// predecessor's layer (predecessor.md 5): plain slices, no projection.
//
// Shapes: T tokens, D width; every token is seen by one local, two node and two global experts.
#include "engine/base/error.h"
#include "engine/base/to_integer.h"
#include "engine/moe/parts.h"
#include "plugins/exchange/scomoe_declaration.h"
#include "registry/exchange.h"

namespace xp {
namespace {

struct ScomoeFeat final : Exchange {
  struct Config {
    double alpha = 0.25, beta = 0.5;
    std::string first = "gshard";

    void describe(auto& field) {
      field("alpha", alpha, "share of the features that stays on the accelerator", fraction());
      field("beta", beta, "share of the features that stays in the node; the rest may cross nodes",
            fraction());
      field("first", first, "what the first MoE layer of each stack uses; \"same\" = this exchange",
            one_of({"gshard", "same"}));
    }

    static std::vector<Rule> rules() {
      auto out = scomoe_rules();
      out.push_back(wide_enough("alpha", "alpha"));
      out.push_back(wide_enough("node_share", "beta"));
      out.push_back({"E045",
                     "global_share * model.width < 0.001 or global_share * model.width >= 0.5",
                     "the share of scomoe-feat that crosses nodes, 1 - alpha - beta, is "
                     "{global_share} of 'width' {model.width}: not one feature; the nearest that "
                     "fit are 0 and {1 / model.width}",
                     {"alpha", "beta"}});
      out.push_back({"E040",
                     "eval.exchange.alpha == alpha and eval.exchange.beta == beta",
                     "alpha and beta in [eval.exchange] are {eval.exchange.alpha} and "
                     "{eval.exchange.beta}, but scomoe-feat is trained with {alpha} and {beta}, "
                     "which are its experts' widths; remove them from [eval.exchange]",
                     {"eval.exchange.alpha", "eval.exchange.beta"}});
      out.push_back({"E045",
                     "alpha * model.width % 8 == 0 and node_share * model.width % 8 == 0",
                     "scomoe-feat works on slices of {round(alpha * model.width)} and "
                     "{round(node_share * model.width)} features; multiples of 8 are faster",
                     {"alpha", "beta"},
                     /*is_note=*/true});
      return out;
    }
    static Rule wide_enough(const std::string& share, const std::string& name) {
      return {"E045",
              share + " == 0 or " + share + " * model.width >= 0.5",
              "'" + name + "' of scomoe-feat is {" + share +
                  "} of 'width' {model.width}: not one feature; the nearest that fit are 0 and {1 "
                  "/ model.width}",
              {name}};
    }
    static std::vector<Figure> figures() { return scomoe_figures(); }
    // The slices are the experts' widths: they cannot change after the training.
    static std::vector<EvaluationSetting> evaluation() { return scomoe_evaluation(Value()); }
    static std::vector<PredecessorOption> predecessor() { return scomoe_predecessor(); }
  };

  explicit ScomoeFeat(const Config& c) : config(c) {}

  bool clusters_by_node() const override { return config.alpha == 0 && config.beta != 1; }

  // A slice that stays sees the experts of one rank or node.
  bool keeps_rows_independent(const Topology& topology) const override {
    const Shares shares = on_topology({config.alpha, config.beta}, topology);
    return topology.ranks() == 1 ||
           (shares.local == 0 && (shares.node == 0 || topology.nodes == 1));
  }

  std::vector<int64_t> part_widths(int64_t width, const Topology& topology,
                                   Compatibility compatibility) const override {
    const auto sizes = widths(width, topology, compatibility);
    return {sizes.begin(), sizes.end()};
  }

  MoeResult forward(const MoeCall& call) const override {
    const PartLogits logits(call);
    const auto& topology = call.groups.world->topology();
    const auto sizes = widths(call.x_TD.size(1), topology, call.compatibility);
    const auto slice = [&](Part part) {
      const int64_t from = part == kLocal  ? 0
                           : part == kNode ? sizes[kLocal]
                                           : sizes[kLocal] + sizes[kNode];
      return call.x_TD.slice(1, from, from + sizes[part]);
    };
    RoutedParts routed(call);
    if (sizes[kNode] > 0) routed.add(kNode, slice(kNode), logits.node_TY, {});
    if (sizes[kGlobal] > 0) routed.add(kGlobal, slice(kGlobal), logits.all_TE, {});
    routed.send();
    std::vector<torch::Tensor> parts;
    if (sizes[kLocal] > 0) {
      count_local_rows(call, logits.own_TX);
      parts.push_back(mix_locally(slice(kLocal), logits.own_TX, experts_of(call, kLocal)));
    }
    for (const auto& [part, rows] : routed.finish([](Part part) { return part; }))
      parts.push_back(rows);
    MoeResult out{torch::cat(parts, 1), call.logits_TE.sum() * 0, routed.metrics};
    const int num_routed = int{sizes[kNode] > 0} + int{sizes[kGlobal] > 0};
    if (num_routed > 0) out.balance = out.balance + routed.balance_sum / num_routed;
    return out;
  }

  // The predecessor truncates, and a share that is left by rounding makes a part
  // (predecessor.md 13.22).
  std::array<int64_t, kNumParts> widths(int64_t width, const Topology& topology,
                                        Compatibility compatibility) const {
    const Shares shares = on_topology({config.alpha, config.beta}, topology);
    if (compatibility != Compatibility::kSeed) return part_sizes(width, shares);
    const auto truncated = [width](double share) {
      return to_integer(share * static_cast<double>(width));
    };
    const int64_t local = truncated(shares.local);
    const bool has_global = 1 - shares.local - shares.node > 0;
    const int64_t node = has_global ? truncated(shares.node) : width - local;
    return {local, node, width - local - node};
  }

  Config config;
};

XP_REGISTER(Exchange, ScomoeFeat, "scomoe-feat",
            "features split into local, node and global slices (SCoMoE)");

}  // namespace
}  // namespace xp
