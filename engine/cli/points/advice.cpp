// A sentence for each way a run can be without a result.
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
            fmt::format("with half the micro-batch and twice the accumulation{}, {}; marked, since "
                        "capacity depends on it",
                        smaller, from_where(checkpoint))};
  }
  return {false, false,
          fmt::format("no use as it is, the same batch ends the same way; [launch] on_oom = "
                      "\"halve\" takes half the micro-batch and twice the accumulation{}",
                      smaller)};
}

Advice failure_advice(const Standing& run, const Value& spec, int64_t checkpoint) {
  const std::string from = from_where(checkpoint);
  if (!run.end) return {true, false, "goes on " + from + "; nobody recorded how it ended"};
  switch (run.end->outcome) {
    case Outcome::kUser:
      return {false, false,
              "no use, it would end the same way; mend the experiment, which makes it a new run"};
    case Outcome::kMemory:
      return memory_advice(spec, checkpoint);
    case Outcome::kMachine:
      return {true, false,
              run.end->host.empty() || text(spec, "launch.use") == "local"
                  ? "goes on " + from + "; another try may do"
                  : fmt::format("goes on {} and avoids {}", from, run.end->host)};
    case Outcome::kBug:
      return {false, false, "of little use, this is a bug in xp: report it with the log"};
    case Outcome::kLost:
      return {true, false, "goes on " + from + "; nobody saw how it ended"};
    case Outcome::kCancelled:
      return {true, false, "takes the cancel back and goes on " + from};
    default:
      return {true, false, "goes on " + from};
  }
}

}  // namespace

Advice retry_advice(const Standing& run, const Value& spec, int64_t checkpoint) {
  if (run.is_cancelled && !is_live(run.state))
    return {true, false, "takes the cancel back and goes on " + from_where(checkpoint)};
  switch (run.state) {
    case RunState::kFailed:
      return failure_advice(run, spec, checkpoint);
    case RunState::kStopped:
      return {false, true,
              "not needed: it goes on " + from_where(checkpoint) + " with the next `xp run`"};
    case RunState::kNew:
      return {false, true, "not needed: `xp run` starts it"};
    case RunState::kNoCheckpoint:
      return {false, true, "not needed: `xp run` trains it again, as its checkpoint is gone"};
    case RunState::kQueued:
      if (run.job->is_stuck) {
        return {false, false,
                "no use, the scheduler will not start this job; cancel it and mend [launch]"};
      }
      return {false, true, "not needed: it waits for its place"};
    case RunState::kSilent:
      return {false, false,
              "no use while somebody holds the run; if its node is gone, cancel it first"};
    default:
      return {false, true, "not needed: it is under way"};
  }
}

}  // namespace xp
