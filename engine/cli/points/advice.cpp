// One sentence for each way in which a run has no result.
#include "engine/cli/points/advice.h"

#include "engine/base/text.h"

#include <fmt/format.h>

namespace xp {
namespace {

int64_t whole(const Value& spec, const char* path, int64_t otherwise) {
  const Value* found = find_path(spec, path);
  return found != nullptr && found->is_number_integer() ? found->get<int64_t>() : otherwise;
}

std::string text(const Value& spec, const char* path) {
  const Value* found = find_path(spec, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

std::string from_where(int64_t checkpoint) {
  return checkpoint > 0 ? fmt::format("from update {}", checkpoint) : "from the beginning";
}

Advice memory_advice(const Value& spec, int64_t checkpoint) {
  const int64_t tokens = whole(spec, "train.max_tokens", 0);
  const int64_t accumulate = whole(spec, "train.accumulate", 1);
  const std::string smaller =
      tokens < 2 ? "" : fmt::format(", {} tokens x {}", tokens / 2, accumulate * 2);
  if (text(spec, "launch.on_oom") == "halve") {
    return {true, false,
            fmt::format("halves the micro-batch and doubles the accumulation{}, {}; results are "
                        "marked, since capacity depends on it",
                        smaller, from_where(checkpoint))};
  }
  return {false, false,
          fmt::format("would fail the same way; [launch] on_oom = \"halve\" halves the micro-batch "
                      "and doubles the accumulation{}",
                      smaller)};
}

Advice failure_advice(const Standing& run, const Value& spec, int64_t checkpoint) {
  const std::string from = from_where(checkpoint);
  if (!run.end) return {true, false, "resumes " + from + "; its end was not recorded"};
  switch (run.end->outcome) {
    case Outcome::kUser:
      return {false, false,
              "would fail the same way; fix the experiment, which makes it a new run"};
    case Outcome::kDiverged:
      return {false, false,
              "would diverge again; change the learning rate, the warm-up or the precision, which "
              "makes it a new run"};
    case Outcome::kMemory:
      return memory_advice(spec, checkpoint);
    case Outcome::kMachine:
      return {true, false,
              run.end->host.empty() || text(spec, "launch.use") == "local"
                  ? "resumes " + from + "; it may succeed"
                  : fmt::format("resumes {} and avoids {}", from, run.end->host)};
    case Outcome::kBug:
      return {false, false, "unlikely to help: this is a bug in xp; report it with the log"};
    case Outcome::kLost:
      return {true, false, "resumes " + from + "; its end was not recorded"};
    case Outcome::kCancelled:
      return {true, false, "withdraws the cancellation and resumes " + from};
    default:
      return {true, false, "resumes " + from};
  }
}

}  // namespace

Advice retry_advice(const Standing& run, const Value& spec, int64_t checkpoint) {
  if (run.is_cancelled && !is_live(run.state))
    return {true, false, "withdraws the cancellation and resumes " + from_where(checkpoint)};
  switch (run.state) {
    case RunState::kFailed:
      return failure_advice(run, spec, checkpoint);
    case RunState::kStopped:
      return {false, true, "not needed: the next `xp run` resumes it " + from_where(checkpoint)};
    case RunState::kNew:
      return {false, true, "not needed: `xp run` starts it"};
    case RunState::kNoCheckpoint:
      return {false, true, "not needed: `xp run` trains it again, as its checkpoint is gone"};
    case RunState::kQueued:
      if (run.job->is_stuck) {
        return {
            false, false,
            "would not help: the scheduler will not start this job; cancel it and fix [launch]"};
      }
      return {false, true, "not needed: it is waiting in the queue"};
    case RunState::kSilent:
      return {false, false,
              "not possible while a process holds the run; if its node is gone, cancel it first"};
    default:
      return {false, true, "not needed: it is running"};
  }
}

}  // namespace xp
