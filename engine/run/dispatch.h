// A plan's work, done: corpora first, then what runs from here on this machine, what goes through a
// scheduler's queue in jobs of its own.
#pragma once

#include "engine/launch/poll_pace.h"
#include "engine/plan/plan.h"
#include "engine/run/corpora.h"
#include "engine/run/executor.h"
#include "results/runs/standing.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace xp {

struct DispatchSettings {
  Workspace workspace;
  /// This xp, for the nodes of a scheduler's jobs, and the engine whose ranks train and evaluate.
  /// Runs use copies in the workspace (keep_programs); plug-ins are the plan's.
  Programs programs;
  std::vector<std::string> command_line;  ///< for provenance
  Progress::Style style = Progress::Style::kAuto;
  int64_t jobs = 1;             ///< runs at a time on this machine; 0: as many as have room
  bool waits_for_queue = true;  ///< else it returns once everything is in the queue
  std::set<std::string> only;   ///< ids of the runs wanted; empty: all
  bool warm = false;            ///< `engine` can be kept loaded (LaunchJob)
  std::function<StopRequest()> stop_request = [] { return StopRequest::kNone; };
  std::function<void(const FailedRun&)> failed = [](const FailedRun&) {};  ///< as it happens
};

struct DispatchResult {
  size_t started = 0;    ///< attempts on this machine
  size_t submitted = 0;  ///< jobs put into a queue
  std::vector<FailedRun> failures;
  bool stopped = false;    ///< because it was requested; something is left
  bool is_queued = false;  ///< jobs wait or run in a queue
  std::string problem;     ///< what the queue would refuse; nothing was started then
};

class Dispatch {
 public:
  /// What prepares a corpus; for tests. Returns its id.
  using Prepare = std::function<std::string(const Value& corpus)>;

  Dispatch(DispatchSettings settings, Prepare prepare)
      : settings_(std::move(settings)), prepare_(std::move(prepare)) {}

  /// Does what is not done and updates the plan's ids and states. A failed run does not keep the
  /// others from being done. Raises kUser or kMachine if not one corpus could be prepared.
  DispatchResult run(Plan& plan);

 private:
  /// One reading of all runs that go through a queue.
  struct Queue {
    std::vector<Standing> runs;  ///< as the work
    std::vector<Work> open;      ///< neither done nor failed
    bool has_jobs = false;       ///< some run has a job that has not ended
  };

  void prepare_corpora(Plan& plan);
  KeptPrograms kept_programs(const Plan& plan) const;
  void reopen_trainings(const Plan& plan, const std::vector<Work>& work) const;
  bool submit_all(const Plan& plan, const std::vector<Work>& work);
  Queue read_queue(const std::vector<Work>& work) const;
  void poll_queue(const std::vector<Work>& work);
  bool print_counts(const Queue& queue);
  void wait_for_queue(const std::vector<Work>& work);
  void pause(std::chrono::steady_clock::duration read, StopRequest stop_request) const;
  void cancel_queue(const std::vector<Work>& work);
  void collect_failures(const std::vector<Work>& work, const Queue& queue);

  DispatchSettings settings_;
  Prepare prepare_;
  DispatchResult result_;
  std::string experiment_;
  Programs programs_;
  std::set<fs::path> reported_;  ///< run folders whose failure was reported
  PollPace pace_;
  std::string last_counts_;  ///< as last printed
};

}  // namespace xp
