// `xp tensorboard`: learning curves as event files.
#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/selection.h"
#include "results/runs/event_file.h"

#include <fmt/format.h>

#include <set>

namespace xp {
namespace {

struct Options : PointOptions {
  static constexpr std::string_view kDetails =
      "xp tensorboard FILE -o curves && tensorboard --logdir curves\n"
      "\n"
      "Writes curves/EXPERIMENT/POINT/events.out.tfevents..., once more each time it is called.";

  fs::path output;

  void declare(Arguments& arguments) {
    PointOptions::declare(arguments);
    arguments.option("-o,--output", "FOLDER", &output, "where to write; made if missing")
        .required();
  }
};

// A point's name as a folder's.
std::string folder_name(std::string name) {
  for (char& c : name)
    if (c == '/' || c == ' ') c = c == '/' ? '_' : ',';
  return name;
}

int write_curves(const Options& options) {
  const Workspace workspace{options.workspace};
  const auto open = open_points(options);
  if (!open) return Exit::kSpec;
  std::set<std::string> done;  // points that differ in [eval] only have one training
  size_t scalars = 0, files = 0;
  for (const auto& one : select(open->points, options.names, workspace)) {
    const PointView& point = *one.point;
    if (!point.ids || !done.insert(point.ids->training).second) continue;
    const size_t count =
        write_event_file(workspace.training(point.ids->training),
                         options.output / folder_name(point.experiment) / folder_name(point.name));
    scalars += count;
    files += count > 0 ? 1 : 0;
  }
  if (options.json) {
    const Value out = {{"schema_version", 1},
                       {"folder", options.output.string()},
                       {"trainings", files},
                       {"scalars", scalars}};
    fmt::print("{}\n", json_text(out, 2));
    return Exit::kDone;
  }
  fmt::print("{} scalars of {} trainings are in '{}'\n", scalars, files, options.output.string());
  return Exit::kDone;
}

XP_COMMAND(Options, write_curves, "tensorboard", Group::kResults,
           "write learning curves as TensorBoard's event files");

}  // namespace
}  // namespace xp
