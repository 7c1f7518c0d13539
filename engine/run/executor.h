// Work, done on this machine or in this allocation: several runs at a time if there is room,
// each on processors and accelerators of its own.
//
// A run that is done is left alone. A run whose status says "running" without a process that holds
// its lease was interrupted: it resumes as a new attempt, from its last checkpoint. Several
// processes may do work that they share: the lease decides who does a run, the others wait for it.
#pragma once

#include "engine/run/attempt.h"

#include <functional>
#include <string>
#include <vector>

namespace xp {

/// A run that did not get done.
struct FailedRun {
  std::string name;  ///< of the first point concerned
  std::string cause;
  std::filesystem::path folder;  ///< of its logs; empty if nothing was started
  Outcome outcome = Outcome::kUser;
};

/// What the user asks for: nothing; start nothing more; also end what this process runs, and leave
/// a scheduler's queue alone; end that as well.
enum class StopRequest { kNone, kStartNoMore, kStopHere, kStopAll };

constexpr bool stops_running(StopRequest stop_request) {
  return stop_request == StopRequest::kStopHere || stop_request == StopRequest::kStopAll;
}

struct ExecutorSettings {
  AttemptSettings attempts;
  int64_t jobs = 1;              ///< runs at a time; 0: as many as there is room for
  std::vector<int> cores, gpus;  ///< to be shared out; empty: whatever there is
  bool retries_here = true;      ///< a failed run that has retries left is tried again at once
  std::function<StopRequest()> stop_request = [] { return StopRequest::kNone; };  ///< asked often
  /// The outcome of runs that a request stops.
  std::function<Outcome()> end_meaning = [] { return Outcome::kStopped; };
  std::function<void()> tick = [] {};  ///< called a few times a second
  std::function<void(const FailedRun&)> failed = [](const FailedRun&) {};  ///< as it happens
};

struct Execution {
  size_t started = 0;  ///< attempts
  std::vector<FailedRun> failures;
  size_t left = 0;  ///< works that are neither done nor failed: stopped, or to be tried elsewhere
};

/// Does the work in its order; a failed run does not keep the others from being done, but for the
/// evaluations of a failed training, which are not begun.
Execution execute(const std::vector<Work>& work, const ExecutorSettings& settings);

/// The processors this process may use.
std::vector<int> own_cores();
/// The accelerators of this machine, by number.
std::vector<int> own_gpus();

/// How many runs like the largest of `work` there is room for at a time, at least 1. A rank takes
/// `threads_per_rank` processors and, on accelerators, one of these.
int64_t room_for(const std::vector<Work>& work, size_t num_cores, size_t num_gpus);

}  // namespace xp
