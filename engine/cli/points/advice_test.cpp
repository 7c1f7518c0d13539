// What is said about trying again, for each way a run can be without a result.
#include "engine/cli/points/advice.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

const Value kSpec = {{"train", {{"max_tokens", 4096}, {"accumulate", 2}}},
                     {"launch", {{"use", "slurm"}, {"on_oom", "fail"}}}};

Standing failed(Outcome outcome, const std::string& host = "") {
  Standing out;
  out.state = RunState::kFailed;
  AttemptEnd& end = out.end.emplace();
  end.outcome = outcome;
  end.host = host;
  return out;
}

std::string sentence(const Standing& run, int64_t checkpoint = 0) {
  const Advice advice = retry_advice(run, kSpec, checkpoint);
  return (advice.may_help      ? "yes: "
          : advice.is_needless ? "by itself: "
                               : "no: ") +
         advice.sentence;
}

Standing standing(RunState state) {
  Standing out;
  out.state = state;
  out.job.emplace();
  return out;
}

TEST_CASE("whether retrying helps depends on the class of the failure") {
  CHECK(sentence(failed(Outcome::kUser)) ==
        "no: would fail the same way; fix the experiment, which makes it a new run");
  CHECK(sentence(failed(Outcome::kMachine, "node2"), 400) ==
        "yes: resumes from update 400 and avoids node2");
  CHECK(sentence(failed(Outcome::kMachine)) == "yes: resumes from the beginning; it may succeed");
  CHECK(sentence(failed(Outcome::kLost)) ==
        "yes: resumes from the beginning; its end was not recorded");
  CHECK(sentence(failed(Outcome::kBug)) ==
        "no: unlikely to help: this is a bug in xp; report it with the log");
  CHECK(sentence(failed(Outcome::kCancelled), 7) ==
        "yes: withdraws the cancellation and resumes from update 7");
}

TEST_CASE("a run out of memory can retry with half the micro-batch") {
  CHECK(sentence(failed(Outcome::kMemory)) ==
        "no: would fail the same way; [launch] on_oom = \"halve\" halves the micro-batch and "
        "doubles the accumulation, 2048 tokens x 4");
  Value halved = kSpec;
  halved["launch"]["on_oom"] = "halve";
  const Advice advice = retry_advice(failed(Outcome::kMemory), halved, 10);
  CHECK(advice.may_help);
  CHECK(advice.sentence ==
        "halves the micro-batch and doubles the accumulation, 2048 tokens x 4, from update 10; "
        "results are marked, since capacity depends on it");
  CHECK(retry_advice(failed(Outcome::kMemory), nullptr, 0).sentence ==
        "would fail the same way; [launch] on_oom = \"halve\" halves the micro-batch and doubles "
        "the accumulation");
}

TEST_CASE("a run that has not failed needs no retry") {
  CHECK(sentence(standing(RunState::kStopped), 5) ==
        "by itself: not needed: the next `xp run` resumes it from update 5");
  CHECK(sentence(standing(RunState::kNew)) == "by itself: not needed: `xp run` starts it");
  CHECK(sentence(standing(RunState::kQueued)) ==
        "by itself: not needed: it is waiting in the queue");
  CHECK(sentence(standing(RunState::kRunning)) == "by itself: not needed: it is running");
  CHECK(sentence(standing(RunState::kSilent)) ==
        "no: not possible while a process holds the run; if its node is gone, cancel it first");
  Standing stuck = standing(RunState::kQueued);
  stuck.job->is_stuck = true;
  CHECK(sentence(stuck) ==
        "no: would not help: the scheduler will not start this job; cancel it and fix [launch]");
  Standing cancelled = standing(RunState::kStopped);
  cancelled.is_cancelled = true;
  CHECK(sentence(cancelled) == "yes: withdraws the cancellation and resumes from the beginning");
}

}  // namespace
}  // namespace xp
