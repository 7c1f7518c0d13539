// `xp show RUN`: every setting of a run and where its value came from; `xp diff A B`: what differs.
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/listing.h"
#include "engine/cli/points/run_folder.h"

#include <fmt/format.h>

#include <cstdio>
#include <map>

namespace xp {
namespace {

// Where the experiment that planned the run wrote its settings: path -> place.
std::map<std::string, std::string> written_origins(const Workspace& workspace,
                                                   const std::string& id) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.root / "experiments", none)) {
    for (const auto& point : recorded_points(entry.path())) {
      if (point.training != id && point.evaluation != id) continue;
      return recorded_source(entry.path())->origins_of(point);
    }
  }
  return {};
}

// "default", or the preset that a component's table picks where it has the setting.
std::string declared_origin(const Catalog& catalog, const Value& spec, const std::string& path) {
  for (const auto& section : kSections) {
    const std::string prefix = std::string(section.name) + ".";
    if (*section.kind == '\0' || !path.starts_with(prefix)) continue;
    const Value* use = find_path(spec, prefix + "use");
    const Value* preset = find_path(spec, prefix + "preset");
    if (use == nullptr || preset == nullptr) continue;
    const Declaration* part = catalog.find(section.kind, *use);
    const std::string name = preset->get<std::string>();
    if (part != nullptr && part->presets.contains(name) &&
        part->presets[name].contains(path.substr(prefix.size())))
      return "preset " + name;
  }
  return "default";
}

Value result_of(const RunFolder& run, const Workspace& workspace) {
  Value out = Value::object();
  const Status status = read_status(run.folder);
  if (status.state == State::kDone) out = status.summary;
  const Value* training = find_path(run.spec, "training_id");
  if (run.kind == "evaluation" && training != nullptr && training->is_string()) {
    const Status trained = read_status(workspace.training(*training));
    if (trained.state == State::kDone) out.update(trained.summary);
  }
  return out;
}

std::string cell(const Value& value) {
  return value.is_null() ? "-" : show(value);
}

// Rows of what differs; absent on one side is null.
Value differences(const std::map<std::string, Value>& a, const std::map<std::string, Value>& b) {
  std::map<std::string, Value> all = a;
  all.insert(b.begin(), b.end());
  Value out = Value::array();
  for (const auto& [key, unused] : all) {
    const auto in_a = a.find(key), in_b = b.find(key);
    const Value left = in_a == a.end() ? Value() : in_a->second;
    const Value right = in_b == b.end() ? Value() : in_b->second;
    if (left != right) out.push_back({{"name", key}, {"a", left}, {"b", right}});
  }
  return out;
}

std::map<std::string, Value> by_name(const std::vector<std::pair<std::string, Value>>& items) {
  return {items.begin(), items.end()};
}

void print_differences(const char* title, const Value& list) {
  std::vector<std::vector<std::string>> rows = {{title, "A", "B"}};
  for (const auto& item : list)
    rows.push_back({item["name"].get<std::string>(), cell(item["a"]), cell(item["b"])});
  fmt::print("{}", text_table(rows));
}

}  // namespace

int show_command(const Options& options) {
  const Workspace workspace{options.workspace};
  const RunFolder run = find_run(workspace, options.names.at(0));
  const Catalog catalog = build_catalog(options);
  const auto written = written_origins(workspace, run.id);
  Value list = Value::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& [path, value] : run_settings(run)) {
    const auto found = written.find(path);
    std::string origin = "-";  // planned by an experiment that is gone
    if (found != written.end()) origin = found->second;
    if (found == written.end() && !written.empty())
      origin = declared_origin(catalog, run.spec, path);
    list.push_back({{"path", path}, {"value", value}, {"origin", origin}});
    rows.push_back({path, show(value), origin});
  }
  const Status status = read_status(run.folder);
  if (options.json) {
    fmt::print("{}\n", Value{{"schema_version", 1},
                             {"kind", run.kind},
                             {"id", run.id},
                             {"folder", run.folder.string()},
                             {"state", state_name(status.state)},
                             {"settings", list}}
                           .dump(2));
    return Exit::kDone;
  }
  fmt::print("{} {}: {}, {}\n{}", run.kind, run.id, state_name(status.state), run.folder.string(),
             text_table(rows));
  return Exit::kDone;
}

int diff_command(const Options& options) {
  const Workspace workspace{options.workspace};
  const RunFolder a = find_run(workspace, options.names.at(0));
  const RunFolder b = find_run(workspace, options.names.at(1));
  const Value settings = differences(by_name(run_settings(a)), by_name(run_settings(b)));
  const Value results = differences(by_name(leaves(result_of(a, workspace))),
                                    by_name(leaves(result_of(b, workspace))));
  if (options.json) {
    fmt::print("{}\n", Value{{"schema_version", 1},
                             {"a", a.id},
                             {"b", b.id},
                             {"settings", settings},
                             {"results", results}}
                           .dump(2));
    return Exit::kDone;
  }
  fmt::print("A = {} {}, B = {} {}\n", a.kind, a.id, b.kind, b.id);
  if (settings.empty()) {
    fmt::print("no setting differs\n");
  } else {
    print_differences("setting", settings);
  }
  if (!results.empty()) {
    fmt::print("\n");
    print_differences("result", results);
  }
  return Exit::kDone;
}

}  // namespace xp
