// How an attempt at a run ended, as launchers, run folders, retries and `xp why` name it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace xp {

enum class Outcome {
  kDone,
  kStopped,    ///< asked to save and end; the next attempt resumes
  kUser,       ///< the experiment is wrong; retrying would fail the same way
  kMemory,     ///< out of memory
  kMachine,    ///< a disk, link or node failed; a retry may succeed
  kPreempted,  ///< the scheduler gave the nodes to another job
  kTimeLimit,  ///< the job's time limit was reached
  kBug,        ///< a fault of xp: a broken invariant, a segmentation fault
  kLost,       ///< it ended, and how is unknown
  kCancelled,  ///< someone cancelled the run or its job
  kDiverged,   ///< values that are not finite; retrying would diverge again
};

inline constexpr std::array<std::string_view, 11> kOutcomeNames = {
    "done",       "stopped", "user", "memory",    "machine", "preempted",
    "time limit", "bug",     "lost", "cancelled", "diverged"};

/// Exit codes of a rank that say more than success or failure.
inline constexpr int kUserExit = 3, kDivergedExit = 65, kBugExit = 70;

constexpr std::string_view outcome_name(Outcome outcome) {
  return kOutcomeNames[static_cast<size_t>(outcome)];
}

constexpr std::optional<Outcome> outcome_from(std::string_view name) {
  for (size_t i = 0; i < kOutcomeNames.size(); ++i) {
    if (kOutcomeNames[i] == name) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}

/// Whether a run that ended this way resumes by itself, however often.
constexpr bool resumes(Outcome outcome) {
  return outcome == Outcome::kStopped || outcome == Outcome::kPreempted ||
         outcome == Outcome::kTimeLimit;
}

/// Whether a retry may succeed; it counts against `retries`.
constexpr bool may_retry(Outcome outcome) {
  return outcome == Outcome::kMachine || outcome == Outcome::kLost;
}

}  // namespace xp
