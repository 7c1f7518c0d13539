// How one attempt at a run ended: the words that launchers, folders, retries and `xp why` share.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace xp {

enum class Outcome {
  kDone,
  kStopped,    ///< asked to save and end; goes on the next time
  kUser,       ///< the experiment is wrong; trying again would end the same way
  kMemory,     ///< out of memory
  kMachine,    ///< a disk, a link, a node; another try may do
  kPreempted,  ///< the scheduler wanted the place for somebody else
  kTimeLimit,  ///< the job's time was up
  kBug,        ///< ours: a broken invariant, a segmentation fault
  kLost,       ///< it ended and nobody knows how
  kCancelled,  ///< somebody ended the run or its job on purpose
};

inline constexpr std::array<std::string_view, 10> kOutcomeNames = {
    "done",      "stopped",    "user", "memory", "machine",
    "preempted", "time limit", "bug",  "lost",   "cancelled"};

constexpr std::string_view outcome_name(Outcome outcome) {
  return kOutcomeNames[static_cast<size_t>(outcome)];
}

constexpr std::optional<Outcome> outcome_from(std::string_view name) {
  for (size_t i = 0; i < kOutcomeNames.size(); ++i) {
    if (kOutcomeNames[i] == name) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}

/// Whether a run that ended so goes on without being asked, however often: nobody's fault.
constexpr bool goes_on(Outcome outcome) {
  return outcome == Outcome::kStopped || outcome == Outcome::kPreempted ||
         outcome == Outcome::kTimeLimit;
}

/// Whether another try may end better, so that it counts against `retries`.
constexpr bool may_retry(Outcome outcome) {
  return outcome == Outcome::kMachine || outcome == Outcome::kLost;
}

}  // namespace xp
