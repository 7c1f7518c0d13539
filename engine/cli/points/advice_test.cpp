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
  return (advice.may_help ? "yes: " : advice.goes_on ? "by itself: " : "no: ") + advice.sentence;
}

Standing standing(RunState state) {
  Standing out;
  out.state = state;
  out.job.emplace();
  return out;
}

TEST_CASE("whether another try helps depends on the class of the failure") {
  CHECK(sentence(failed(Outcome::kUser)) ==
        "no: no use, it would end the same way; mend the experiment, which makes it a new run");
  CHECK(sentence(failed(Outcome::kMachine, "node2"), 400) ==
        "yes: goes on from update 400 and avoids node2");
  CHECK(sentence(failed(Outcome::kMachine)) ==
        "yes: goes on from the beginning; another try may do");
  CHECK(sentence(failed(Outcome::kLost)) ==
        "yes: goes on from the beginning; nobody saw how it ended");
  CHECK(sentence(failed(Outcome::kBug)) ==
        "no: of little use, this is a bug in xp: report it with the log");
  CHECK(sentence(failed(Outcome::kCancelled), 7) ==
        "yes: takes the cancel back and goes on from update 7");
}

TEST_CASE("out of memory is offered half the micro-batch") {
  CHECK(sentence(failed(Outcome::kMemory)) ==
        "no: no use as it is, the same batch ends the same way; [launch] on_oom = \"halve\" takes "
        "half the micro-batch and twice the accumulation, 2048 tokens x 4");
  Value halved = kSpec;
  halved["launch"]["on_oom"] = "halve";
  const Advice advice = retry_advice(failed(Outcome::kMemory), halved, 10);
  CHECK(advice.may_help);
  CHECK(advice.sentence ==
        "with half the micro-batch and twice the accumulation, 2048 tokens x 4, from update 10; "
        "marked, since capacity depends on it");
  CHECK(retry_advice(failed(Outcome::kMemory), nullptr, 0).sentence ==
        "no use as it is, the same batch ends the same way; [launch] on_oom = \"halve\" takes half "
        "the micro-batch and twice the accumulation");
}

TEST_CASE("what has not failed needs no other try, or another cure") {
  CHECK(sentence(standing(RunState::kStopped), 5) ==
        "by itself: not needed: it goes on from update 5 with the next `xp run`");
  CHECK(sentence(standing(RunState::kNew)) == "by itself: not needed: `xp run` starts it");
  CHECK(sentence(standing(RunState::kQueued)) == "by itself: not needed: it waits for its place");
  CHECK(sentence(standing(RunState::kRunning)) == "by itself: not needed: it is under way");
  CHECK(sentence(standing(RunState::kSilent)) ==
        "no: no use while somebody holds the run; if its node is gone, cancel it first");
  Standing stuck = standing(RunState::kQueued);
  stuck.job->is_stuck = true;
  CHECK(sentence(stuck) ==
        "no: no use, the scheduler will not start this job; cancel it and mend [launch]");
  Standing cancelled = standing(RunState::kStopped);
  cancelled.is_cancelled = true;
  CHECK(sentence(cancelled) == "yes: takes the cancel back and goes on from the beginning");
}

}  // namespace
}  // namespace xp
