// `xp show RUN`: every setting of a run and where its value came from.
#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/plan/recorded_plan.h"

#include <fmt/format.h>

#include <cstdio>
#include <map>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  std::string run;
  bool json = false;

  void declare(Arguments& arguments) {
    declare_run(arguments, run, *this);
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
};

// Where the experiment that planned the run wrote its settings: path -> place.
std::map<std::string, std::string> written_origins(const Workspace& workspace,
                                                   const std::string& id) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.experiments(), none)) {
    for (const auto& point : recorded_points(entry.path())) {
      if (!point.ids || (point.ids->training != id && point.ids->evaluation != id)) continue;
      return recorded_source(entry.path())->origins_of(point);
    }
  }
  return {};
}

// "default", or the preset that a component's table picks if it has the setting.
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

int show_run(const Options& options) {
  const Workspace workspace{options.workspace};
  const RunFolder run = named_folder(options, options.run);
  const Catalog catalog = build_catalog();
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
    fmt::print("{}\n", json_text({{"schema_version", 1},
                                  {"kind", kind_name(run.kind)},
                                  {"id", run.id},
                                  {"folder", run.folder.string()},
                                  {"state", state_name(status.state)},
                                  {"settings", list}},
                                 2));
    return Exit::kDone;
  }
  fmt::print("{}: {}, {}\n{}", run.title(), state_name(status.state), run.folder.string(),
             text_table(rows));
  return Exit::kDone;
}

XP_COMMAND(Options, show_run, "show", Group::kRuns,
           "print every setting of a run and the line that set it");

}  // namespace
}  // namespace xp
