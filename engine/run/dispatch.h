// A plan's work, done: corpora, then each training directly followed by its evaluations.
//
// Runs that are done are left alone. A run whose status says "running" without a process that
// holds its lease was killed: it goes on as a new attempt, from its last checkpoint. Several
// processes may dispatch plans that share runs: the lease decides who does one, others wait.
#pragma once

#include "engine/base/progress.h"
#include "engine/plan/plan.h"
#include "engine/run/corpora.h"
#include "registry/launcher.h"

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace xp {

struct DispatchSettings {
  Workspace workspace;
  std::filesystem::path engine;           ///< the program whose ranks train and evaluate
  std::vector<std::string> command_line;  ///< for provenance
  Progress::Style style = Progress::Style::kAuto;
  std::function<bool()> stop = [] { return false; };  ///< asked often; true ends the current run
};

/// A run that did not get done.
struct Failure {
  std::string name;  ///< of the first point concerned
  std::string cause;
  std::filesystem::path folder;  ///< of its logs; empty where nothing was started
};

struct DispatchResult {
  size_t started = 0;  ///< attempts of trainings and evaluations
  std::vector<Failure> failures;
  bool stopped = false;  ///< because `stop` said so
};

class Dispatch {
 public:
  /// What prepares a corpus; for tests. Returns its id.
  using Prepare = std::function<std::string(const Value& corpus)>;

  Dispatch(DispatchSettings settings, Prepare prepare)
      : settings_(std::move(settings)), prepare_(std::move(prepare)) {}

  /// Does what is not done and updates the plan's ids and states. A failed run does not keep the
  /// others from being done. Raises kUser or kMachine where not one corpus could be prepared.
  DispatchResult run(Plan& plan);

 private:
  /// One folder to fill: a training, or an evaluation of `training`.
  struct Work {
    std::string title;  ///< "train 2/3 exchange=gshard"
    std::string unit;   ///< what the progress counts
    const Point* point = nullptr;
    std::filesystem::path folder;
    std::vector<std::string> command;  ///< without `--attempt K`
    Value spec;
  };
  void prepare_corpora(Plan& plan);
  void do_training(const Plan& plan, const Point& point);
  bool ensure(const Work& work);
  bool attempt(const Work& work);
  LaunchEnd launch(const Work& work, const std::filesystem::path& attempt_folder, int64_t number);
  Work training_work(const Plan& plan, const Point& point) const;
  Work evaluation_work(const Plan& plan, const Point& point) const;
  std::string position(const Plan& plan, const Point& point, bool trainings) const;

  DispatchSettings settings_;
  Prepare prepare_;
  DispatchResult result_;
};

}  // namespace xp
