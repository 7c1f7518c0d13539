// How a point stands: the training counts until it is done, then the evaluation.
#pragma once

#include "results/runs/standing.h"

#include <string>

namespace xp {

enum class PointState {
  kNew,
  kQueued,   ///< in the queue of a scheduler, or about to start there
  kRunning,  ///< silent ones too
  kStopped,  ///< begun, and nobody works on it: goes on with the next `xp run`
  kDone,
  kFailed,
  kBlocked,  ///< a local input is missing
};
std::string_view state_name(PointState state);

struct PointStanding {
  State training = State::kNew, evaluation = State::kNew;  ///< as written
  bool evaluates = false;  ///< the evaluation is the run that counts, not the training
  Standing run;            ///< of the run that counts

  PointState state() const;
};

/// Reads both folders, which may be missing; that of the training only where the evaluation is not
/// done. Raises kMachine where a status is damaged.
PointStanding point_standing(const fs::path& training, const fs::path& evaluation,
                             const OpenJobs& jobs);

}  // namespace xp
