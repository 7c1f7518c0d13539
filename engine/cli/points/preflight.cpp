// Adds up the figures of trainings that are not done, and reads the specs of those that are.
#include "engine/cli/points/preflight.h"

#include "engine/base/cpu.h"
#include "engine/base/text.h"
#include "engine/cli/points/devices.h"
#include "results/runs/programs.h"
#include "results/runs/provenance.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unistd.h>

namespace xp {
namespace {

double figure(const Point& point, const char* name) {
  if (point.assessment == nullptr) return 0;
  const auto found = point.assessment->figures.find(name);
  return found == point.assessment->figures.end() ? 0 : found->second;
}

// Those that are kept, what is best according to each of them, and the one being written.
double disk_bytes(const Point& point) {
  return figure(point, "checkpoint_bytes") * (1 + 2 * point.settings().value("train.keep", 1.0));
}

struct Need {
  double all = 0, largest = 0;
};

Need disk_need(const Plan& plan) {
  Need out;
  std::set<std::string> seen;
  for (const auto& point : plan.points) {
    if (point.training == State::kDone) continue;
    if (!seen.insert(point.ids ? point.ids->training : point.name).second) continue;
    out.all += disk_bytes(point);
    out.largest = std::max(out.largest, disk_bytes(point));
  }
  return out;
}

double free_space(const Workspace& workspace) {
  return static_cast<double>(free_bytes(workspace.root));
}

// Ranks that a GPU has too little memory for, and nodes that the GPUs do not fit.
std::vector<std::string> gpu_notes(const Plan& plan) {
  std::vector<std::string> out;
  const Point* largest = nullptr;
  double most = 0;
  std::set<std::string> problems;
  for (const auto& point : plan.points) {
    if (point.training == State::kDone || !is_on_these_gpus(point)) continue;
    if (const double bytes = figure(point, "memory_bytes"); bytes > most) {
      most = bytes;
      largest = &point;
    }
    const auto ranks = static_cast<int64_t>(point.settings().value("launch.nodes", 1.0) *
                                            point.settings().value("launch.ranks_per_node", 1.0));
    if (auto problem = node_problem(gpus(), ranks); !problem.empty())
      problems.insert(std::move(problem));
  }
  out.assign(problems.begin(), problems.end());
  if (largest == nullptr) return out;
  double room = std::numeric_limits<double>::infinity();
  for (const auto& gpu : gpus().gpus)
    room = std::min(room, static_cast<double>(gpu.memory_bytes));
  if (most > room) {
    out.push_back(
        fmt::format("a rank of {} takes about {} of memory, and a GPU of this machine has {}",
                    largest->name, human_bytes(most), human_bytes(room)));
  }
  return out;
}

// Disk and memory that may not suffice.
std::vector<std::string> machine_notes(const Plan& plan, const Workspace& workspace) {
  std::vector<std::string> out;
  const double room = free_space(workspace), need = disk_need(plan).all;
  if (need > room) {
    out.push_back(
        fmt::format("the checkpoints of all trainings take about {}, but only {} are free "
                    "for the workspace",
                    human_bytes(need), human_bytes(room)));
  }
  const auto memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const Point* largest = nullptr;
  double most = memory;
  for (const auto& point : plan.points) {
    if (point.training == State::kDone) continue;
    if (!is_on_this_cpu(point)) continue;
    const double bytes = figure(point, "memory_bytes") *
                         point.settings().value("launch.nodes", 1.0) *
                         point.settings().value("launch.ranks_per_node", 1.0);
    if (bytes <= most) continue;
    most = bytes;
    largest = &point;
  }
  if (largest != nullptr) {
    out.push_back(fmt::format("all ranks of {} take about {} of memory, and this machine has {}",
                              largest->name, human_bytes(most), human_bytes(memory)));
  }
  return out;
}

// A sentence if a run would compute in a number format that saves no time on this processor.
std::vector<std::string> precision_notes(const Plan& plan) {
  const auto is_bf16 = [](const Point& point) {
    return point.training != State::kDone && is_on_this_cpu(point) &&
           point.settings().value("train.precision", "") == "bf16";
  };
  if (std::none_of(plan.points.begin(), plan.points.end(), is_bf16) || multiplies_bf16_faster())
    return {};
  return {kNoBf16};
}

// A sentence for each plug-in that finished trainings used another build of.
std::vector<std::string> plugin_notes(const Plan& plan, const std::vector<Plugin>& plugins,
                                      const Workspace& workspace) {
  std::vector<size_t> counts(plugins.size());
  std::set<std::string> seen;
  for (const auto& point : plan.points) {
    if (plugins.empty() || point.training != State::kDone) continue;
    if (!seen.insert(point.ids->training).second) continue;
    const std::string spec =
        read_if_there(spec_file(workspace.training(point.ids->training))).value_or("");
    for (size_t i = 0; i < plugins.size(); ++i) {
      const bool names_it = spec.find(plugins[i].file.string()) != std::string::npos;
      if (names_it && spec.find(plugins[i].sha256) == std::string::npos) ++counts[i];
    }
  }
  std::vector<std::string> out;
  for (size_t i = 0; i < plugins.size(); ++i) {
    if (counts[i] == 0) continue;
    out.push_back(fmt::format(
        "{} of the finished trainings used another build of '{}'; if the new one computes "
        "something else, increase its kVersion to train again",
        counts[i], plugins[i].file.string()));
  }
  return out;
}

// Whoever writes the workspace decides which programs its jobs run.
std::vector<std::string> trust_notes(const Workspace& workspace) {
  std::error_code code;
  const fs::perms mode = fs::status(workspace.root, code).permissions();
  if (code || (mode & fs::perms::others_write) == fs::perms::none) return {};
  return {fmt::format(
      "everybody can write '{0}', and so run programs with your rights; `chmod o-w {0}` ends that",
      workspace.root.string())};
}

}  // namespace

std::vector<std::string> notes_of(const Plan& plan, const std::vector<Plugin>& plugins,
                                  const Workspace& workspace) {
  std::vector<std::string> out = plan.notes;
  out.insert(out.end(), plan.unpredicted.begin(), plan.unpredicted.end());
  for (const auto& problem : device_problems(plan))
    out.push_back(problem.sentence);
  for (const auto& more : {precision_notes(plan), gpu_notes(plan), machine_notes(plan, workspace),
                           plugin_notes(plan, plugins, workspace), trust_notes(workspace)})
    out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::string OtherBuilds::sentence() const {
  if (points == 0) return "";
  return fmt::format(
      "{} of {} points that are done or started were computed by another build of xp-engine",
      points, started);
}

OtherBuilds other_builds(const Plan& plan, const Workspace& workspace, const fs::path& engine) {
  OtherBuilds out;
  std::string current;  // hashed only if there is something to compare it with
  std::map<fs::path, bool> known;
  const auto is_other = [&](State state, const fs::path& run) {
    if (state == State::kNew) return false;
    const auto [place, is_new] = known.try_emplace(run);
    if (!is_new) return place->second;
    if (current.empty()) current = program_sha256(engine);
    const std::string made_with = engine_of_run(run);
    place->second = !current.empty() && !made_with.empty() && made_with != current;
    return place->second;
  };
  for (const auto& point : plan.points) {
    if (point.training == State::kNew && point.evaluation == State::kNew) continue;
    ++out.started;
    const bool trained_so = is_other(point.training, workspace.training(point.ids->training));
    const bool evaluated_so =
        is_other(point.evaluation, workspace.evaluation(point.ids->evaluation));
    if (trained_so || evaluated_so) ++out.points;
  }
  return out;
}

std::string missing_space(const Plan& plan, const Workspace& workspace) {
  const double room = free_space(workspace), need = disk_need(plan).largest;
  if (need <= room) return "";
  return fmt::format(
      "the checkpoints of one training take about {}, but only {} are free in '{}'; "
      "make room or use another --workspace",
      human_bytes(need), human_bytes(room), workspace.root.string());
}

}  // namespace xp
