// A roofline with what overlaps.
#include "engine/plan/step_model.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace xp {
namespace {

constexpr double kForward = 1.0 / 3;  // of the compute of an update

// What ranks measure besides links, as the JSON of a probe names it.
constexpr std::pair<const char*, double Probe::*> kMeasured[] = {
    {"dense_s", &Probe::dense_s},
    {"full_s", &Probe::full_s},
    {"optimizer_s", &Probe::optimizer_s},
    {"rows_processor_s_per_byte", &Probe::rows_processor_s_per_byte},
    {"sums_processor_s_per_byte", &Probe::sums_processor_s_per_byte},
    {"packing_s_per_byte", &Probe::packing_s_per_byte},
    {"bf16_packing_s_per_byte", &Probe::bf16_packing_s_per_byte},
    {"processors", &Probe::processors},
    {"busy_processors", &Probe::busy_processors}};

// A point's figures; remembers whether one was missing.
class Reader {
 public:
  explicit Reader(const Figures& figures) : figures_(figures) {}
  double operator()(const char* name) {
    const auto found = figures_.find(name);
    if (found != figures_.end()) return found->second;
    is_complete_ = false;
    return 0;
  }
  bool is_complete() const { return is_complete_; }

 private:
  const Figures& figures_;
  bool is_complete_ = true;
};

struct Layout {
  double nodes, per_node;
  double ranks() const { return nodes * per_node; }
};

// Seconds of compute on one rank.
struct Compute {
  double all = 0, experts = 0, output = 0;
};

std::optional<Compute> compute_of(Reader& figure, const Probe& probe) {
  Reader probed(probe.figures);
  const double dense = figure("dense_flops"), extra = figure("flops") - dense;
  const double probed_dense = probed("dense_flops");
  const double probed_extra = probed("full_flops") - probed_dense;
  if (probed_dense <= 0 || !probed.is_complete()) return std::nullopt;
  const double seconds_per_flop = probe.dense_s / probed_dense;
  // Rows of experts cost more than their products: they are sorted, gathered and added up.
  const double of_experts = probed_extra > 0
                                ? std::max(0.0, probe.full_s - probe.dense_s) / probed_extra
                                : seconds_per_flop;
  Compute out;
  out.all = dense * seconds_per_flop + extra * of_experts +
            probe.optimizer_s * figure("parameters_on_rank") /
                std::max(1.0, probed("parameters_on_rank"));
  out.experts = figure("expert_flops") * of_experts;
  out.output = figure("output_flops") * seconds_per_flop;
  return out;
}

double seconds_of(double bytes, const LinkSpeed& link) {
  return bytes == 0 ? 0 : bytes / link.bytes_per_s;
}

// What a rank sends, in all and between nodes.
struct SentBytes {
  double rows, rows_between, sums, sums_between;
};

// Seconds of processors that a rank's links use.
double link_processor_s(const Probe& probe, const Settings& settings, const SentBytes& sent) {
  const auto packing = [&](const char* wire) {
    if (!settings.value("launch.packing", false)) return 0.0;
    return settings.value(wire, "fp32") == "bf16" ? probe.bf16_packing_s_per_byte
                                                  : probe.packing_s_per_byte;
  };
  return sent.rows * probe.rows_processor_s_per_byte + sent.sums * probe.sums_processor_s_per_byte +
         sent.rows_between * packing("model.moe.wire") +
         sent.sums_between * packing("train.gradient_wire");
}

}  // namespace

std::string distrust(const Probe& probe) {
  constexpr double kMaxOtherLoad = 0.1;
  if (probe.other_load <= kMaxOtherLoad) return "";
  return fmt::format(
      "other programs kept {:.0f} % of the machine busy during the probe, so its predictions are "
      "not to be trusted; run `xp probe` again when the machine is quiet",
      100 * probe.other_load);
}

std::string_view resource_name(Resource resource) {
  constexpr std::string_view kNames[] = {"compute", "in-node", "inter-node"};
  return kNames[static_cast<size_t>(resource)];
}

Value json_of(const StepPrediction& step) {
  return {{"compute_ms", step.compute_ms},
          {"in_node_ms", step.in_node_ms},
          {"inter_node_ms", step.inter_node_ms},
          {"exposed_ms", step.exposed_ms},
          {"bound", resource_name(step.bound)}};
}

double rate_of(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return 0;
  for (const auto& [unit, factor] : kUnits)
    if (std::string_view(stop, static_cast<size_t>(end - stop)) == unit) return number * factor / 8;
  return 0;
}

Probe with_links(Probe probe, const Settings& settings) {
  const auto set = [&](const char* path, LinkSpeed& link) {
    const double rate = rate_of(settings.value(path, ""));
    if (rate > 0) link.bytes_per_s = rate;
  };
  set("launch.links.in_node", probe.in_node);
  set("launch.links.inter", probe.inter_node);
  probe.inter_node.latency_s += 1e-3 * settings.value("launch.links.latency_ms", 0.0);
  return probe;
}

std::optional<StepPrediction> predict_step(const Figures& figures, const Settings& settings,
                                           const Probe& measured) {
  const Probe probe = with_links(measured, settings);
  const Layout layout{settings.value("launch.nodes", 1.0),
                      settings.value("launch.ranks_per_node", 1.0)};
  if (layout.nodes > 1 && probe.inter_node.bytes_per_s <= 0) return std::nullopt;
  if (layout.per_node > 1 && probe.in_node.bytes_per_s <= 0) return std::nullopt;
  Reader figure(figures);
  const auto compute = compute_of(figure, probe);
  const double local = figure("local_bytes"), near = figure("in_node_bytes"),
               far = figure("inter_node_bytes"), gradients = figure("gradient_inter_node_bytes");
  const double exchanges = figure("exchanges"), fixed = figure("fixed_inter_node_bytes");
  const double late = figure("late_parameters"), shared = figure("shared_parameters");
  if (!compute || !figure.is_complete()) return std::nullopt;

  const auto port = [&](double bytes) {
    return seconds_of(bytes / layout.nodes, probe.inter_node);
  };
  const double rows_near = layout.per_node > 1 ? seconds_of(near / layout.ranks(), probe.in_node) +
                                                     exchanges * probe.in_node.latency_s
                                               : 0;
  const double rows_far =
      layout.nodes > 1 && far > 0 ? port(far) + exchanges * probe.inter_node.latency_s : 0;
  // Sums of gradients go around the node in 32 bits, whatever they cross it in.
  const double sums_near_bytes = 8 * shared * (1 - 1 / layout.per_node);
  const double sums_near = seconds_of(sums_near_bytes, probe.in_node);
  const double sums_far = port(gradients);

  // While rows cross, the experts compute those that stay in the node. With another micro-batch in
  // flight they go behind what that one computes between its experts, and come back behind those.
  const double staying = local + near + far > 0 ? (local + near) / (local + near + far) : 0;
  const bool in_turns = settings.value("train.batches_in_flight", int64_t{1}) > 1;
  const double between = compute->all - compute->output - compute->experts;
  const auto left = [](double rows, double hidden) { return std::max(0.0, rows - hidden); };
  const auto waiting = [&](double share) {
    return rows_near / 2 + (in_turns ? left(rows_far / 4, share * between) +
                                           left(rows_far / 4, share * compute->experts)
                                     : left(rows_far / 2, share * compute->experts * staying));
  };
  // Half of each sum crosses in the backward pass and half in the next forward pass, if the update
  // may come late. While the output is computed, between the two, none does. A backward pass ends
  // with the parameters that a forward pass begins with: nothing hides theirs.
  const double sums = sums_near + sums_far;
  const double never_hidden = sums / 2 * std::min(1.0, late / std::max(1.0, shared));
  const auto exposed = [&](double share) {
    const double rows = waiting(share);
    const bool waits = share == kForward && settings.value("train.shard_optimizer", false);
    const double idle =
        waits ? 0 : left(share * (compute->all - compute->output) + rows, rows_far / 2);
    return rows + std::max(never_hidden, sums / 2 - idle);
  };

  StepPrediction out;
  out.compute_ms = 1e3 * compute->all;
  out.in_node_ms = 1e3 * (rows_near + sums_near);
  out.inter_node_ms = 1e3 * (rows_far + sums_far);
  const double exposed_s = exposed(kForward) + exposed(1 - kForward);
  const double rows_between = far / layout.ranks(), sums_between = gradients / layout.ranks();
  // Links take turns with compute if it leaves them no processor; while a rank waits they have one.
  double step_s = compute->all + exposed_s;
  bool processors_bind = false;
  if (probe.processors > 0) {
    const double links_s = link_processor_s(probe, settings,
                                            {near / layout.ranks() + rows_between, rows_between,
                                             sums_near_bytes + sums_between, sums_between});
    const double all_s = probe.busy_processors * compute->all + links_s;
    const double missing = probe.busy_processors + links_s / step_s - probe.processors;
    processors_bind = all_s / probe.processors > step_s;
    step_s = std::max(step_s + compute->all * std::max(0.0, missing) / probe.processors,
                      all_s / probe.processors);
  }
  out.exposed_ms = 1e3 * (step_s - compute->all);
  if (!processors_bind && out.inter_node_ms > std::max(out.compute_ms, out.in_node_ms))
    out.bound = Resource::kInterNode;
  else if (!processors_bind && out.in_node_ms > out.compute_ms)
    out.bound = Resource::kInNode;
  const auto share = figures.find("global_share");
  if (layout.nodes > 1 && share != figures.end() && share->second > 0) {
    out.share = share->second;
    const double per_share = port(far - fixed) / share->second;
    const double rest = compute->all - sums_far - port(fixed);
    if (per_share > 0 && !processors_bind) out.least_share = std::clamp(rest / per_share, 0.0, 1.0);
  }
  return out;
}

fs::path probe_file(const Workspace& workspace, const Value& launch) {
  Value what = Value::object();
  for (const char* key : {"use", "nodes", "ranks_per_node", "threads_per_rank", "device"})
    what[key] = launch.value(key, Value());
  const std::string use = launch.value("use", "");
  // Of a scheduler its own table counts: it says which machines.
  if (launch.contains(use)) what["scheduler"] = launch.at(use);
  return workspace.root / "probes" / (content_id(what) + ".json");
}

Probe times_of_probe(const Value& value) {
  const auto link = [&](const char* name) {
    return LinkSpeed{value.at(name).at("latency_s"), value.at(name).at("bytes_per_s")};
  };
  Probe out;
  out.in_node = link("in_node");
  out.inter_node = link("inter_node");
  for (const auto& [name, figure] : kMeasured)
    out.*figure = value.at(name);
  return out;
}

std::optional<Probe> read_probe(const fs::path& file) {
  const auto text = read_if_there(file);
  if (!text) return std::nullopt;
  try {
    const Value all = Value::parse(*text);
    Probe out = times_of_probe(all);
    out.figures = all.at("figures").get<Figures>();
    out.machine = all.at("machine");
    out.other_load = all.at("other_load");
    return out;
  } catch (const Value::exception&) {
    machine_error("'{}' is damaged or of another version of xp; delete it and run `xp probe` again",
                  file.string());
  }
}

void write_probe(const fs::path& file, const Probe& probe) {
  const auto link = [](const LinkSpeed& speed) -> Value {
    return {{"latency_s", speed.latency_s}, {"bytes_per_s", speed.bytes_per_s}};
  };
  Value all = {{"in_node", link(probe.in_node)},
               {"inter_node", link(probe.inter_node)},
               {"figures", probe.figures},
               {"machine", probe.machine},
               {"other_load", probe.other_load}};
  for (const auto& [name, figure] : kMeasured)
    all[name] = probe.*figure;
  write_atomic(file, json_text(all, 1) + "\n");
}

const Probe* Probes::of(const Settings& settings) {
  const auto [at, is_new] = known_.try_emplace(settings.section("launch"));
  if (is_new) at->second = read_probe(probe_file(workspace_, settings.at("launch")));
  return at->second ? &*at->second : nullptr;
}

}  // namespace xp
