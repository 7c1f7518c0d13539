// Stacks with token clustering.
#include "engine/conformance/cases.h"
#include "engine/conformance/layers.h"
#include "engine/moe/moe_stack.h"

namespace xp {

void run_stack_case(const Recording& recording, const Groups& groups, Findings& findings) {
  const Value& settings = recording.settings();
  const int64_t E = settings.at("E"), first = E / groups.world->size() * groups.world->rank();
  const bool in_decoder = settings.at("kind").get<std::string>().starts_with("Decoder");
  const auto draws = std::make_shared<RecordedDraws>(findings);
  draws->load(recording, "", "gate");
  const MoeShape shape = shape_of(settings, draws);
  const auto exchange = exchange_of(settings);
  const auto router = router_of(settings, settings.value("moe_top1_expert", false));
  const bool by_node = exchange->clusters_by_node();
  draws->num_groups = by_node ? settings.at("nodes").get<int64_t>() : E;

  const ClusterShape cluster_shape{settings.value("gate_type", "softmax"),
                                   settings.value("temperature", 1.0),
                                   "balanced",
                                   by_node,
                                   in_decoder,
                                   /*pre_norm=*/true,
                                   /*dropout=*/0};
  const auto cluster = std::make_shared<TokenCluster>(shape, cluster_shape, groups, Init(1));
  const BlockShape block{shape.width, shape.inner, 1, 0, 0, true, Compatibility::kSeed};
  std::vector<std::shared_ptr<FeedForwardBlock>> layers;
  const auto num_layers = static_cast<int64_t>(settings.at("layer_idx").size());
  for (int64_t i = 1; i < num_layers; ++i) {
    const auto moe = std::make_shared<MoeLayer>(shape, router, exchange, groups, Init(1));
    layers.push_back(std::make_shared<FeedForwardBlock>(block, moe, Init(1)));
  }
  MoeStack stack(cluster, layers, Compatibility::kSeed);
  stack.train(settings.at("train").get<bool>());

  std::map<std::string, std::string> names;  // recorded -> ours
  std::map<std::string, std::string> experts;
  for (int64_t i = 0; i < num_layers; ++i) {
    const auto theirs = fmt::format("{}.", i);
    const auto ours = i == 0 ? std::string("cluster.") : fmt::format("{}.", i - 1);
    const auto moe = i == 0 ? ours : ours + "moe.";
    names[theirs + "moe_layer.gate.wg.weight"] = moe + "gate";
    names[theirs + "final_layer_norm.weight"] = ours + "norm.weight";
    names[theirs + "final_layer_norm.bias"] = ours + "norm.bias";
    experts.merge(expert_names(recording, theirs + "moe_layer.", moe, first));
  }
  for (const auto& [theirs, ours] : names)
    set_parameter(stack, ours, recording.get("param." + theirs));
  for (const auto& [theirs, ours] : experts)
    set_parameter(stack, ours, recording.get("param." + theirs));

  const auto x_LBD = recording.get("input.x").requires_grad_();
  RealTokens real;
  if (recording.has("input.mask"))
    real.index_T = recording.get("input.mask").flatten().logical_not().nonzero().squeeze(1);
  const auto y = stack.forward(x_LBD.transpose(0, 1).contiguous(), real).transpose(0, 1);
  findings.near("output", y, recording.get("output.out"));
  auto loss = (y * recording.get("input.grad_out")).sum();
  for (int64_t i = 1; i < num_layers; ++i) {
    const auto& balance = layers[static_cast<size_t>(i - 1)]->moe()->balance();
    findings.near(fmt::format("l_aux of layer {}", i), balance,
                  recording.get(fmt::format("output.l_aux.{}", i)));
    loss = loss + settings.at("l_aux_coef").get<double>() * balance;
  }
  findings.near("loss", loss, recording.get("output.loss"), 1e-3);
  loss.backward();
  if (recording.has_own("grad.x"))
    findings.near("gradient of x", x_LBD.grad(), recording.get("grad.x"));
  for (const auto& [theirs, ours] : names) {
    if (recording.has_own("grad." + theirs))
      findings.near("gradient of " + theirs, gradient_of(stack, ours),
                    recording.get("grad." + theirs));
  }
  const double divisor = settings.value("expert_grad_hook_divisor", 1.0);
  for (const auto& [theirs, ours] : experts) {
    if (recording.has_own("grad." + theirs))
      findings.near("gradient of " + theirs, gradient_of(stack, ours) / divisor,
                    recording.get("grad." + theirs));
  }
  for (int64_t i = 1; i < num_layers; ++i) {
    compare_figures(recording, fmt::format("{}.", i),
                    last_part(layers[static_cast<size_t>(i - 1)]->moe()->take_metrics()), findings);
  }
}

}  // namespace xp
