// The state of a point: that of its training until that is done, then that of its evaluation.
#pragma once

#include "results/runs/standing.h"

#include <string>

namespace xp {

enum class PointState {
  kNew,
  kQueued,   ///< in the queue of a scheduler, or starting there
  kRunning,  ///< even if it has not written for long
  kStopped,  ///< begun, but no process runs it; the next `xp run` resumes it
  kDone,
  kFailed,
  kBlocked,       ///< a local input is missing
  kNoCheckpoint,  ///< trained, but the checkpoint to evaluate is gone: it is trained again
};
inline constexpr PointState kPointStates[] = {
    PointState::kNew,  PointState::kQueued, PointState::kRunning, PointState::kStopped,
    PointState::kDone, PointState::kFailed, PointState::kBlocked, PointState::kNoCheckpoint};
std::string_view state_name(PointState state);

struct PointStanding {
  /// As written; but the training's is kNew if it is done and has to be done again.
  State training = State::kNew, evaluation = State::kNew;
  bool evaluates = false;  ///< the state is that of the evaluation, not of the training
  Standing run;            ///< of the run that the state is of

  PointState state() const;
};

/// Reads both folders, which may be missing; that of the training only if the evaluation is not
/// done. `checkpoint`: which one the evaluation reads (has_checkpoint). Raises kMachine if a
/// status is damaged.
PointStanding point_standing(const fs::path& training, const fs::path& evaluation,
                             const std::string& checkpoint, const OpenJobs& jobs);

}  // namespace xp
