// One attempt at a run, from its folder to its end. Everything about it is in files before its
// ranks start, so that nothing depends on this process; what the run's end rests on is flushed with
// it (write_status).
#pragma once

#include "engine/run/watch.h"
#include "engine/run/work.h"
#include "registry/launcher.h"
#include "results/runs/attempts.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// What attempts have in common.
struct AttemptSettings {
  std::vector<std::string> command_line;  ///< for provenance
  Progress::Style style = Progress::Style::kAuto;
  bool warm = false;          ///< see LaunchJob; the program must be one that serves
  std::string host;           ///< see LaunchJob
  bool checks_first = false;  ///< all ranks meet and exchange something before the work
  int64_t shared_with = 0;    ///< other runs that may run on this machine meanwhile
};

class Attempt {
 public:
  /// Where it may compute; empty: anywhere.
  struct Places {
    std::vector<int> cores, gpus;
  };

  /// Begins the next attempt and takes over the run's lease from the caller. If it cannot be
  /// started, the next `poll` says so.
  Attempt(const Work& work, FileLock lease, Places places, const AttemptSettings& settings);

  /// Looks for news: progress, a request to cancel, the end. After an end the run's status says
  /// what became of it (end_attempt).
  std::optional<AttemptEnd> poll();
  /// Asks it to save and end; `meaning` is the outcome that the end will have.
  void stop(Outcome meaning);
  /// Becomes readable when `poll` may have news; -1 if the caller must poll.
  int handle() const { return running_ ? running_->handle() : -1; }
  const Places& places() const { return places_; }
  const fs::path& folder() const { return folder_; }
  /// Whether the run has no earlier attempt, whose work it could continue.
  bool is_first() const { return number_ == 1; }

 private:
  void start_check();
  void start_work();
  void launch(std::vector<std::string> command, const fs::path& log_folder);
  AttemptEnd conclude(const LaunchEnd& end);

  const Work& work_;
  FileLock lease_;
  Places places_;
  AttemptSettings settings_;
  fs::path folder_;
  int64_t number_;
  double started_s_;
  std::unique_ptr<Launcher> launcher_;
  std::unique_ptr<RunningJob> running_;
  std::optional<LaunchEnd> failed_start_;
  bool is_checking_ = false;
  std::optional<Outcome> stop_meaning_;
  std::chrono::steady_clock::time_point next_beat_{};
  std::optional<RunWatch> watch_;
};

/// Writes how attempt `number` ended, and what that makes of the run: done runs stay done; one that
/// resumes(), or that may_retry() and has retries left, waits ("running" without a lease);
/// others have failed.
void end_attempt(const fs::path& run_folder, int64_t number, const AttemptEnd& end,
                 int64_t retries);

}  // namespace xp
