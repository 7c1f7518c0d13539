// `xp replay RUN`: the recorded exchange of a training on other layouts, links and exchanges.
#include "engine/plan/replay.h"

#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/plan/variant.h"
#include "engine/run/corpora.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  static constexpr std::string_view kDetails =
      "Every training with experts records how many rows each rank sent to each expert. This\n"
      "plays the record on other nodes, links or exchanges, without computing: the bytes of a\n"
      "step, and its time by the model of `xp plan`, corrected by what the run took. Times need\n"
      "a probe (`xp probe`) of the run's layout, and rates of links that this layout has not:\n"
      "\n"
      "xp replay last --nodes 4 --ranks-per-node 1 --inter 1gbit\n"
      "xp replay last --exchange gshard";
  std::string run, inter, in_node, exchange;
  int64_t nodes = 0, ranks_per_node = 0;
  double latency_ms = 0;
  Words sets;
  bool json = false;

  void declare(Arguments& arguments) {
    declare_run(arguments, run, *this);
    const std::string as_run = "that of the run";
    arguments.option("--nodes", "N", &nodes, "nodes").from(1).otherwise(as_run);
    arguments.option("--ranks-per-node", "G", &ranks_per_node, "ranks of each node")
        .from(1)
        .otherwise(as_run);
    arguments.option("--inter", "RATE", &inter, "rate of a node's port, such as 100mbit")
        .otherwise("as probed");
    arguments.option("--in-node", "RATE", &in_node, "rate of a rank's links inside its node")
        .otherwise("as probed");
    arguments.option("--latency", "MS", &latency_ms, "added to a message between nodes, in ms")
        .from(0)
        .otherwise("0");
    arguments.option("--exchange", "NAME", &exchange, "a component of kind `exchange`")
        .otherwise(as_run);
    arguments.option("--set", "NAME=VALUE", &sets,
                     "a setting of the exchange, see `xp components NAME`; may be repeated");
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
};

// "NAME=VALUE" of a setting that the exchange declares; numbers and texts.
std::pair<std::string, Value> assignment(const std::string& word, const Declaration& exchange) {
  const size_t at = std::min(word.find('='), word.size());
  const std::string name = word.substr(0, at);
  const std::string text = at < word.size() ? word.substr(at + 1) : "";
  const auto setting = std::find_if(exchange.settings.begin(), exchange.settings.end(),
                                    [&](const Setting& one) { return one.name == name; });
  if (setting == exchange.settings.end())
    usage_error("--set: '{}' is no setting of the exchange '{}'", name, exchange.name);
  if (setting->type == Type::kText) return {name, text};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) usage_error("--set: '{}' is not NAME=NUMBER", word);
  return {name, number};
}

Variants::Changes changes_of(const Options& options, const Value& spec, const Catalog& catalog) {
  Variants::Changes out;
  const auto add = [&out](const char* path, const Value& value) { out.emplace_back(path, value); };
  std::string name = options.exchange;
  if (const Value* use = find_path(spec, "model.moe.exchange.use"); name.empty() && use != nullptr)
    name = use->get<std::string>();
  const Declaration* exchange = catalog.find("exchange", name);
  if (exchange == nullptr)
    usage_error("there is no exchange '{}'; `xp components` lists them", name);
  if (!options.exchange.empty()) add("model.moe.exchange", {{"use", name}});
  for (const auto& set : options.sets) {
    auto [setting, value] = assignment(set, *exchange);
    out.emplace_back("model.moe.exchange." + setting, std::move(value));
  }
  if (options.nodes > 0) add("launch.nodes", options.nodes);
  if (options.ranks_per_node > 0) add("launch.ranks_per_node", options.ranks_per_node);
  for (const auto& [option, path, rate] :
       {std::tuple("--inter", "launch.links.inter", options.inter),
        std::tuple("--in-node", "launch.links.in_node", options.in_node)}) {
    if (rate.empty()) continue;
    if (rate_of(rate) <= 0) usage_error("{}: '{}' is no rate, such as 100mbit", option, rate);
    add(path, rate);
  }
  if (options.latency_ms > 0) add("launch.links.latency_ms", options.latency_ms);
  return out;
}

Replay::Side side_of(Variants& variants, const Value& settings, const Variants::Changes& changes) {
  Variant variant = variants.of(settings, changes);
  for (const auto& breach : variant.assessment->breaches)
    if (!breach.is_note) user_error("{}", breach.message);
  return {std::move(variant.settings), variant.assessment->figures};
}

// The run, or the training of an evaluation.
RunFolder training_of(const Options& options) {
  RunFolder run = named_folder(options, options.run);
  if (run.kind == RunKind::kTraining) return run;
  return find_run({options.workspace}, run.spec.at("training_id").get<std::string>());
}

/// One line of the table.
struct Line {
  std::string name;
  const Replay::Side& side;
  Replay::Result result;
  std::optional<double> step_ms;  ///< corrected
};

std::string layout_text(const Settings& settings) {
  return fmt::format("{}x{}", settings.value("launch.nodes", int64_t{1}),
                     settings.value("launch.ranks_per_node", int64_t{1}));
}

Value json_of(const Line& line) {
  const auto& [name, side, result, step_ms] = line;
  Value out = {{"nodes", side.settings.value("launch.nodes", int64_t{1})},
               {"ranks_per_node", side.settings.value("launch.ranks_per_node", int64_t{1})},
               {"exchange", side.settings.value("model.moe.exchange.use", "")},
               {"in_node_bytes", result.in_node_bytes},
               {"inter_node_bytes", result.inter_node_bytes},
               {"gradient_inter_node_bytes", result.gradient_inter_node_bytes},
               {"rows", result.is_as_recorded ? "recorded" : "declared"}};
  if (!result.step) return out;
  out["step_ms"] = *step_ms;
  out.update(json_of(*result.step));
  return out;
}

std::vector<std::string> words_of(const Line& line) {
  const auto& [name, side, result, step_ms] = line;
  std::vector<std::string> out = {name,
                                  layout_text(side.settings),
                                  side.settings.value("model.moe.exchange.use", ""),
                                  human_bytes(result.in_node_bytes),
                                  human_bytes(result.inter_node_bytes),
                                  human_bytes(result.gradient_inter_node_bytes)};
  const auto ms = [](double value) { return fmt::format("{:.0f} ms", value); };
  if (!result.step) {
    out.insert(out.end(), 6, "-");
    return out;
  }
  out.insert(out.end(), {ms(*step_ms), ms(result.step->compute_ms), ms(result.step->in_node_ms),
                         ms(result.step->inter_node_ms), ms(result.step->exposed_ms),
                         std::string(resource_name(result.step->bound))});
  return out;
}

// How to read the table, and what is missing. `summary`: of the run.
std::vector<std::string> notes_of(const std::vector<Line>& lines, const std::optional<Probe>& probe,
                                  const Value& summary, double correction) {
  const Line &recorded = lines.front(), &last = lines.back();
  std::vector<std::string> out;
  if (!probe) {
    out.push_back(fmt::format(
        "no times: this workspace has no probe of {}; `xp probe FILE` makes one, in seconds",
        layout_text(recorded.side.settings)));
  } else if (!last.result.step) {
    out.push_back(fmt::format(
        "no times of {}: the probe of {} has no such links; --inter and --in-node give their rates",
        layout_text(last.side.settings), layout_text(recorded.side.settings)));
  } else if (const double measured = summary.value("step_ms", 0.0); measured > 0) {
    out.push_back(fmt::format("times of steps are the model's times {:.2f}: the run took {:.0f} ms",
                              correction, measured));
  }
  if (const auto note = probe ? distrust(*probe) : ""; !note.empty()) out.push_back(note);
  if (!last.result.is_as_recorded) {
    out.emplace_back(
        "bytes of the replayed exchange are those that it declares for balanced experts, as much "
        "fuller or emptier as the record is");
  }
  if (const double counted = summary.value("inter_node_bytes", 0.0); counted > 0) {
    out.push_back(
        fmt::format("the run counted {} of rows between nodes in a step; its record says {:+.1f} %",
                    human_bytes(counted), 100 * (recorded.result.inter_node_bytes / counted - 1)));
  }
  return out;
}

int replay(const Options& options) {
  const Workspace workspace{options.workspace};
  const RunFolder run = training_of(options);
  const auto record = read_exchange(run.folder);
  if (!record) {
    user_error(
        "{} has no record of its exchange: it has no experts, has not reached its tenth update, or "
        "is from before records were kept",
        run.title());
  }
  const Catalog catalog = build_catalog();
  const Corpora corpora(workspace, {}, {}, "");
  // A record says itself how full batches were.
  Variants variants(catalog,
                    [&](const Value& corpus) { return corpora.dictionary_figures(corpus); });
  const Replay::Side own = side_of(variants, run.spec, {});
  const auto changes = changes_of(options, run.spec, catalog);
  const Replay::Side other = side_of(variants, run.spec, changes);
  const Replay player(*record, own);
  const auto probe = read_probe(probe_file(workspace, run.spec.at("launch")));
  const Value summary = read_status(run.folder).summary;
  std::vector<Line> lines = {{"recorded", own, player.of(own, probe ? &*probe : nullptr), {}}};
  if (!changes.empty())
    lines.push_back({"replayed", other, player.of(other, probe ? &*probe : nullptr), {}});
  const double measured = summary.value("step_ms", 0.0);
  const auto& first = lines.front().result.step;
  const double correction = measured > 0 && first ? measured / first->step_ms() : 1;
  for (Line& line : lines)
    if (line.result.step) line.step_ms = correction * line.result.step->step_ms();

  const auto notes = notes_of(lines, probe, summary, correction);
  if (options.json) {
    Value out = {{"schema_version", 1},
                 {"training", run.id},
                 {"updates", record->updates},
                 {"correction", correction},
                 {"notes", notes}};
    for (const Line& line : lines)
      out[line.name] = json_of(line);
    fmt::print("{}\n", json_text(out, 2));
    return Exit::kDone;
  }
  std::vector<std::vector<std::string>> rows = {{"", "layout", "exchange", "in-node", "inter-node",
                                                 "gradients", "step", "compute", "in-node",
                                                 "inter-node", "exposed", "bound by"}};
  for (const Line& line : lines)
    rows.push_back(words_of(line));
  fmt::print("{}, {:.0f} updates recorded\n{}", run.title(), record->updates, text_table(rows));
  for (const auto& note : notes)
    fmt::print("note: {}\n", note);
  return Exit::kDone;
}

XP_COMMAND(Options, replay, "replay", Group::kRuns,
           "predict a training's bytes and step time on other nodes, links or exchanges");

}  // namespace
}  // namespace xp
