// Gates and layers.
#include "engine/conformance/layers.h"

#include "engine/base/error.h"
#include "engine/conformance/cases.h"
#include "results/runs/fairseq_parameters.h"

#include <cmath>
#include <cstring>

namespace xp {
namespace {

constexpr std::pair<const char*, const char*> kFigures[] = {
    {"entropy", "entropy_gating"},
    {"overflow_first", "overflow_expert1"},
    {"overflow_second", "overflow_expert2"},
    {"unused_first", "unused_expert1_count"},
    {"unused_second", "unused_expert2_count"},
    {"balance_top_first", "expert1_balance_top"},
    {"balance_top_second", "expert2_balance_top"},
    {"balance_bottom_first", "expert1_balance_bottom"},
    {"balance_bottom_second", "expert2_balance_bottom"},
    {"unrouted", "unrouted_token_rate"},
};

// [S, E, C] as the predecessor keeps it: the weight of each kept row at its expert's slot.
torch::Tensor combine_weights(const Routing& routing, int64_t S, int64_t C) {
  const int64_t E = routing.count_E.numel();
  const auto expert_N = torch::arange(E).repeat_interleave(routing.count_E);
  const auto start_E = routing.count_E.cumsum(0) - routing.count_E;
  const auto slot_N = torch::arange(expert_N.numel()) - start_E.index_select(0, expert_N);
  const auto token_N = routing.token_N.to(torch::kCPU), weight_N = routing.weight_N.to(torch::kCPU);
  // On a device there are rows of slots that nobody has.
  const auto row_N = (token_N >= 0).nonzero().squeeze(1);
  const auto of_rows = [&row_N](const torch::Tensor& all_N) {
    return all_N.index_select(0, row_N);
  };
  return torch::zeros({S, E, C}).index_put({of_rows(token_N), of_rows(expert_N), of_rows(slot_N)},
                                           of_rows(weight_N));
}

}  // namespace

std::shared_ptr<const Router> router_of(const Value& settings, bool top1) {
  Value table = {{"use", top1 ? "top1" : "top2"}};
  table["prioritized"] = settings.value("batch_prioritized_routing",
                                        settings.value("moe_batch_prioritized_routing", false));
  if (!top1) {
    table["second_expert"] = settings.value("second_expert_policy", "all");
    if (settings.value("normalize_gate_prob_before_dropping", false))
      table["normalize"] = "before-dropping";
  }
  return make_part<Router>(table);
}

CapacityRule capacity_of(const Value& settings, bool training) {
  // Ours calls 0 what the predecessor calls by any fraction up to 0: the training rule.
  const double fraction = settings.value("moe_eval_capacity_token_fraction", 0.25);
  return {settings.value("capacity_factor", 1.0), fraction > 0 ? fraction : -1, training};
}

std::shared_ptr<const Exchange> exchange_of(const Value& settings) {
  return make_part<Exchange>(
      exchange_table(settings.value("scomoe_type", "none"), [&settings](const std::string& option) {
        return settings.at(option.substr(std::strlen("--")));
      }));
}

Value exchange_table(const std::string& type,
                     const std::function<Value(const std::string&)>& value) {
  if (type == "none") return {{"use", "gshard"}};
  const AnyEntry& entry = find_entry("exchange", "scomoe-" + type);
  Value out = {{"use", entry.name}};
  for (const auto& [option, name] : entry.describe(entry).predecessor)
    out[name] = value(option);
  return out;
}

MoeShape shape_of(const Value& settings, std::shared_ptr<Draws> draws) {
  const CapacityRule rule = capacity_of(settings, false);
  return {settings.at("d"), settings.at("ffn"),   settings.at("E"), rule.factor,
          rule.fraction,    Compatibility::kSeed, std::move(draws)};
}

void compare_figures(const Recording& recording, const std::string& prefix,
                     const std::map<std::string, double>& metrics, Findings& findings) {
  for (const auto& [ours, theirs] : kFigures) {
    const double expected = recording.figure(prefix + theirs);
    const auto found = metrics.find(ours);
    if (std::isnan(expected) || found == metrics.end()) continue;
    findings.near(prefix + theirs, torch::tensor(found->second, torch::kDouble),
                  torch::tensor(expected, torch::kDouble), 1e-3);
  }
}

std::map<std::string, std::string> expert_names(const Recording& recording,
                                                const std::string& prefix, const std::string& ours,
                                                int64_t first_expert) {
  const std::string start = "param." + prefix;
  std::map<std::string, std::string> out;
  for (const auto& name : recording.names()) {
    if (!name.starts_with(start)) continue;
    const std::string expert = our_expert(name.substr(start.size()), first_expert);
    if (!expert.empty()) out[name.substr(std::strlen("param."))] = ours + expert;
  }
  return out;
}

std::map<std::string, double> last_part(const std::map<std::string, double>& metrics) {
  for (const std::string part : {"global.", "node."}) {
    std::map<std::string, double> out;
    for (const auto& [name, value] : metrics)
      if (name.starts_with(part)) out[name.substr(part.size())] = value;
    if (out.contains("entropy")) return out;
  }
  return {};
}

void run_gate_case(const Recording& recording, Findings& findings) {
  const Value& settings = recording.settings();
  const Value& options = settings.at("gate_kwargs");
  const auto x = recording.get("input.x").requires_grad_();
  const auto gate = recording.get("param.wg.weight").requires_grad_();
  const int64_t S = x.size(0);
  RecordedDraws draws(findings);
  draws.load(recording, "", "");
  const torch::Tensor pads =
      recording.has("input.mask") ? recording.get("input.mask").flatten() : torch::Tensor();
  const Routing routing =
      router_of(options, settings.at("kind") == "top1")
          ->route({torch::matmul(x, gate.t()), capacity_of(options, settings.at("train")), pads,
                   Compatibility::kSeed, &draws});
  const auto expected = recording.get("output.combine");
  const auto combine = combine_weights(routing, S, expected.size(2));
  findings.near("combine weights", combine, expected);
  findings.equal("routing", combine != 0, recording.get("output.dispatch"));
  findings.near("l_aux", routing.balance, recording.get("output.l_aux"));
  const auto loss = (combine * recording.on_host("input.grad_combine")).sum() +
                    settings.at("l_aux_coef").get<double>() * routing.balance.to(torch::kCPU);
  findings.near("loss", loss, recording.get("output.loss"));
  loss.backward();
  findings.near("gradient of x", x.grad(), recording.get("grad.x"));
  findings.near("gradient of the gate", gate.grad(), recording.get("grad.wg.weight"));
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : routing.metrics)
    metrics[name] = value.item<double>();
  compare_figures(recording, "", metrics, findings);
}

void run_layer_case(const Recording& recording, const Groups& groups, Findings& findings) {
  const Value& settings = recording.settings();
  const int64_t E = settings.at("E"), R = groups.world->size(), rank = groups.world->rank();
  const auto draws = std::make_shared<RecordedDraws>(findings);
  draws->load(recording, "", "gate");
  MoeLayer layer(shape_of(settings, draws),
                 router_of(settings, settings.value("moe_top1_expert", false)),
                 exchange_of(settings), groups, Init(1));
  const auto names = expert_names(recording, "", "", E >= R ? E / R * rank : rank % E);
  set_parameter(layer, "gate", recording.get("param.gate.wg.weight"));
  for (const auto& [theirs, ours] : names)
    set_parameter(layer, ours, recording.get("param." + theirs));
  layer.train(settings.at("train").get<bool>());

  const auto x = recording.get("input.x").requires_grad_();
  const torch::Tensor pads =
      recording.has("input.mask") ? recording.get("input.mask").flatten() : torch::Tensor();
  const auto y = layer.forward({x.flatten(0, -2), pads}).view_as(x);
  findings.near("output", y, recording.get("output.out"));
  findings.near("l_aux", layer.balance(), recording.get("output.l_aux.0"));
  const auto loss = (y * recording.get("input.grad_out")).sum() +
                    settings.at("l_aux_coef").get<double>() * layer.balance();
  findings.near("loss", loss, recording.get("output.loss"), 1e-3);
  loss.backward();
  findings.near("gradient of x", x.grad(), recording.get("grad.x"));
  if (recording.has("grad.gate.wg.weight") &&
      (rank == 0 || recording.has_own("grad.gate.wg.weight")))
    findings.near("gradient of the gate", gradient_of(layer, "gate"),
                  recording.get("grad.gate.wg.weight"));
  const double divisor = settings.value("expert_grad_hook_divisor", 1.0);
  for (const auto& [theirs, ours] : names) {
    if (recording.has_own("grad." + theirs))
      findings.near("gradient of " + theirs, gradient_of(layer, ours) / divisor,
                    recording.get("grad." + theirs));
  }
  const bool scomoe = settings.at("kind") == "SCoMoELayer";
  compare_figures(recording, scomoe ? "0." : "", last_part(layer.take_metrics()), findings);
}

}  // namespace xp
