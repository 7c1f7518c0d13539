// The state of a point from those of its training and evaluation.
#include "engine/plan/point_standing.h"

#include "results/runs/reopen.h"

namespace xp {
namespace {

constexpr std::string_view kStates[] = {"new",  "queued", "running", "stopped",
                                        "done", "failed", "blocked", "no-checkpoint"};

}  // namespace

std::string_view state_name(PointState state) {
  return kStates[static_cast<size_t>(state)];
}

PointState PointStanding::state() const {
  switch (run.state) {
    case RunState::kNew:
      return PointState::kNew;
    case RunState::kQueued:
    case RunState::kStarting:
      return PointState::kQueued;
    case RunState::kRunning:
    case RunState::kSilent:
      return PointState::kRunning;
    case RunState::kStopped:
      return PointState::kStopped;
    case RunState::kDone:
      return PointState::kDone;
    case RunState::kFailed:
      return PointState::kFailed;
    case RunState::kNoCheckpoint:
      return PointState::kNoCheckpoint;
  }
  return PointState::kNew;
}

PointStanding point_standing(const fs::path& training, const fs::path& evaluation,
                             const std::string& checkpoint, const OpenJobs& jobs) {
  PointStanding out;
  Standing evaluated = standing_of(evaluation, jobs);
  out.evaluation = evaluated.status.state;
  if (out.evaluation == State::kDone) {  // a finished evaluation has a finished training
    out.training = State::kDone;
    out.evaluates = true;
    out.run = std::move(evaluated);
    return out;
  }
  Standing trained = standing_of(training, jobs);
  out.training = trained.status.state;
  if (trained.state == RunState::kDone && !is_live(evaluated.state) &&
      !has_checkpoint(training, checkpoint)) {
    out.training = State::kNew;
    trained.state = RunState::kNoCheckpoint;
  }
  // A checkpoint may have been freed with its training's folder; what its evaluation says holds.
  out.evaluates = trained.state == RunState::kDone ||
                  (trained.state == RunState::kNew && evaluated.state != RunState::kNew);
  out.run = std::move(out.evaluates ? evaluated : trained);
  return out;
}

}  // namespace xp
