// The runs of a plan as work: a folder to fill each, with everything that filling it takes.
#pragma once

#include "engine/plan/plan.h"
#include "registry/launcher.h"
#include "results/runs/programs.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xp {

/// What the progress of a training counts.
inline constexpr const char* kTrainingUnit = "updates";

/// One folder to fill: a training, or an evaluation of one. Knows nothing of the plan, so that it
/// can be written down and done elsewhere.
struct Work {
  std::string title;  ///< "train 2/3 exchange=gshard"
  std::string unit;   ///< what the progress counts
  std::string name;   ///< of the first point concerned
  fs::path folder;
  std::vector<std::string> command;  ///< of each rank, without `--attempt K`
  Value spec;                        ///< the folder's spec.toml
  std::optional<size_t> training;    ///< an evaluation's training, if that is in the list too
  double cost = 1;  ///< beside others of its kind: predicted FLOPs of a training, if they are known
  bool is_training() const { return unit == kTrainingUnit; }
  const Value& launch() const { return spec.at("launch"); }
};

/// The job that [launch] of a run asks for: its ranks, threads, timeout and interface.
LaunchJob shape_of_job(const Value& launch);

/// What is not done: each training directly followed by its evaluations, in the order of the plan.
/// Points without a known corpus are left out; `only`, unless empty, names the ids of the runs
/// wanted (a training comes along with its evaluation). `programs`: whose engine the ranks run, and
/// from where they load the plan's plug-ins.
std::vector<Work> work_of(const Plan& plan, const Workspace& workspace, const Programs& programs,
                          const std::set<std::string>& only);

/// The ranks of a point's training, which measure instead and leave their results in `folder`
/// (engine/plan/step_model.h). The point's ids must be known.
Work probe_of(const Plan& plan, const Point& point, const Workspace& workspace,
              const fs::path& engine, const fs::path& folder);

/// The list without some of its work, the links to trainings kept right.
std::vector<Work> without(const std::vector<Work>& work,
                          const std::function<bool(const Work&)>& is_over);

/// The work that is neither done nor failed, nor waits for a training that failed. `states`: of
/// each, as read_states_of gives them.
std::vector<Work> still_open(const std::vector<Work>& work, const std::vector<State>& states);
std::vector<Work> still_open(const std::vector<Work>& work);

/// The state that each run's folder says. Cost: one small file each.
std::vector<State> read_states_of(const std::vector<Work>& work);

/// For a file that another process reads.
Value to_json(const std::vector<Work>& work);
/// Raises kMachine if it is not what `to_json` made.
std::vector<Work> work_from(const Value& value);

}  // namespace xp
