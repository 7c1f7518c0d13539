// Asking Slurm after jobs, with its commands played by scripts.
#include "engine/launch/slurm.h"

#include "engine/launch/poll_pace.h"
#include "engine/testing/fake_slurm.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Phase = BatchState::Phase;

constexpr const char* kUnknownJob = "slurm_load_jobs error: Invalid job id specified";
constexpr const char* kNoAccounting = "Slurm accounting storage is disabled";

// As `scontrol show job -o` prints a job.
std::string shown(const std::string& id, const std::string& name, const std::string& state) {
  return FakeSlurm::say(fmt::format(
      "JobId={} JobName={} UserId=root(0) JobState={} Reason=None Dependency=(null) Requeue=1 "
      "Restarts=1 ExitCode=0:0 NodeList=node[0-1] BatchHost=node0",
      id, name, state));
}

BatchState poll_one(const std::string& name, const std::string& id) {
  const auto states = SlurmQueue({}).poll({{name, id}});
  REQUIRE(states.size() == 1);
  return states.at(name);
}

TEST_CASE("one call of squeue asks for all jobs") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21|RUNNING|node[0-1]|xp-a|None\n"
                                    "22|PENDING||xp-b|Priority\n"
                                    "23|PENDING||somebody's|Priority\n"
                                    "24|PENDING||xp-c|QOSMaxNodePerJobLimit"));
  auto states = SlurmQueue({}).poll({{"xp-a", "21"}, {"xp-b", ""}, {"xp-c", "24"}});
  CHECK(slurm.calls() == std::vector<std::string>{"squeue -h --me -a -r -t all -o %i|%T|%N|%j|%r"});
  CHECK(states["xp-a"].phase == Phase::kRunning);
  CHECK(states["xp-a"].hosts == std::vector<std::string>{"node0", "node1"});
  CHECK(states["xp-b"].phase == Phase::kPending);
  CHECK(states["xp-b"].id == "22");
  CHECK(states["xp-b"].reason == "Priority");
  CHECK_FALSE(states["xp-b"].is_stuck);
  CHECK(states["xp-c"].is_stuck);
}

TEST_CASE("nothing is asked if there are no jobs") {
  FakeSlurm slurm;
  CHECK(SlurmQueue({}).poll({}).empty());
  CHECK(slurm.calls().empty());
}

TEST_CASE("an error of squeue says nothing about the jobs") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::fail(1, "squeue: error: Socket timed out on send/recv operation"));
  const BatchState state = poll_one("xp-a", "21");
  CHECK(state.phase == Phase::kUnknown);
  CHECK_FALSE(state.is_absent);
  CHECK(state.reason == "slurm does not answer: Socket timed out on send/recv operation");
  CHECK(slurm.calls().size() == 1);
}

TEST_CASE("without Slurm's commands nothing is known") {
  FakeSlurm slurm;
  slurm.without("squeue");
  const BatchState state = poll_one("xp-a", "21");
  CHECK_FALSE(state.is_absent);
  CHECK(state.reason == "no 'squeue' on PATH; use a login node of the cluster");
}

TEST_CASE("a job that squeue does not list is looked up with scontrol") {
  FakeSlurm slurm;
  slurm.on("squeue", "exit 0");
  slurm.on("scontrol", shown("21", "xp-a", "COMPLETED"));
  const BatchState state = poll_one("xp-a", "21");
  CHECK(slurm.calls("scontrol") == std::vector<std::string>{"scontrol show job -o 21"});
  CHECK(state.phase == Phase::kEnded);
  CHECK(state.outcome == Outcome::kDone);
  CHECK(state.exit == "0:0");
  CHECK(state.restarts == 1);
}

TEST_CASE("a job that the controller forgot is looked up in accounting") {
  FakeSlurm slurm;
  slurm.on("squeue", "exit 0");
  slurm.on("scontrol", FakeSlurm::fail(1, kUnknownJob));
  slurm.on("sacct", FakeSlurm::say("21|TIMEOUT|0:0|node0|xp-a\n22|CANCELLED by 0|0:0|node1|xp-b"));
  auto states = SlurmQueue({}).poll({{"xp-a", "21"}, {"xp-b", "22"}});
  CHECK(slurm.calls("sacct") ==
        std::vector<std::string>{"sacct -X -n -P -S now-30days -o "
                                 "JobID,State,ExitCode,NodeList,JobName --jobs=21,22"});
  CHECK(states["xp-a"].outcome == Outcome::kTimeLimit);
  CHECK(states["xp-b"].outcome == Outcome::kCancelled);
}

TEST_CASE("absence is no end if accounting is off, purged or slow") {
  FakeSlurm slurm;
  slurm.on("squeue", "exit 0");
  slurm.on("scontrol", FakeSlurm::fail(1, kUnknownJob));
  for (const std::string& answer : {FakeSlurm::fail(1, kNoAccounting), std::string("exit 0")}) {
    slurm.on("sacct", answer);
    const BatchState state = poll_one("xp-a", "21");
    CHECK(state.phase == Phase::kUnknown);
    CHECK(state.is_absent);
    CHECK(state.reason == "slurm does not know it");
  }
}

TEST_CASE("a job is not absent if accounting or the controller does not answer") {
  FakeSlurm slurm;
  slurm.on("squeue", "exit 0");
  slurm.on("scontrol", FakeSlurm::fail(1, kUnknownJob));
  slurm.on("sacct", FakeSlurm::fail(1, "sacct: error: Connection refused"));
  CHECK_FALSE(poll_one("xp-a", "21").is_absent);
  slurm.on("scontrol", FakeSlurm::fail(1, "slurm_load_jobs error: Socket timed out"));
  const BatchState state = poll_one("xp-a", "21");
  CHECK_FALSE(state.is_absent);
  CHECK(state.reason == "slurm does not answer: slurm_load_jobs error: Socket timed out");
}

TEST_CASE("accounting that says a forgotten job runs is not believed") {
  FakeSlurm slurm;
  slurm.on("squeue", "exit 0");
  slurm.on("scontrol", FakeSlurm::fail(1, kUnknownJob));
  slurm.on("sacct", FakeSlurm::say("21|RUNNING|0:0|node0|xp-a"));
  const BatchState state = poll_one("xp-a", "21");
  CHECK(state.phase == Phase::kUnknown);
  CHECK(state.is_absent);
  CHECK(state.state == "RUNNING");
}

TEST_CASE("a node failure ends a job only if it is not on its way back into the queue") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21|NODE_FAIL|node0|xp-a|NodeDown"));
  slurm.in_turn("scontrol", {shown("21", "xp-a", "PENDING"), shown("21", "xp-a", "NODE_FAIL")});
  CHECK(poll_one("xp-a", "21").phase == Phase::kPending);
  const BatchState state = poll_one("xp-a", "21");
  CHECK(state.phase == Phase::kEnded);
  CHECK(state.outcome == Outcome::kMachine);
}

TEST_CASE("an end that squeue shows stands if scontrol does not answer") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21|OUT_OF_MEMORY|node0|xp-a|OutOfMemory"));
  CHECK(poll_one("xp-a", "21").outcome == Outcome::kMemory);
}

TEST_CASE("a job whose number is not known is found by its name") {
  FakeSlurm slurm;
  slurm.on("squeue", "exit 0");
  slurm.on("sacct", FakeSlurm::say("29|COMPLETED|0:0|node0|xp-a"));
  const BatchState state = poll_one("xp-a", "");
  CHECK(state.id == "29");
  CHECK(state.outcome == Outcome::kDone);
  CHECK(slurm.calls("sacct").at(0).ends_with(" --name=xp-a"));
  CHECK(slurm.calls("scontrol").empty());
}

TEST_CASE("a number that another job has by now is not ours") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21|RUNNING|node0|somebody's|None"));
  slurm.on("scontrol", shown("21", "somebody's", "RUNNING"));
  slurm.on("sacct", FakeSlurm::fail(1, kNoAccounting));
  CHECK(poll_one("xp-a", "21").is_absent);
}

TEST_CASE("one element of an array is requeued, never the array") {
  FakeSlurm slurm;
  slurm.on("scontrol", "exit 0");
  CHECK(SlurmQueue({}).requeue("21_3"));
  CHECK(slurm.calls() == std::vector<std::string>{"scontrol requeue 21_3"});
  slurm.on("scontrol", FakeSlurm::fail(1, "Job has been cancelled"));
  CHECK_FALSE(SlurmQueue({}).requeue("21_3"));
}

TEST_CASE("the elements of an array have states of their own") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21_[2-3%2]|PENDING||xp-a|JobArrayTaskLimit\n"
                                    "21_0|RUNNING|node0|xp-a|None"));
  CHECK(poll_one("xp-a_0", "21_0").phase == Phase::kRunning);
  CHECK(poll_one("xp-a_3", "21_3").phase == Phase::kPending);
  CHECK(poll_one("xp-a_3", "21_3").id == "21_3");
}

TEST_CASE("an element that was cancelled while it waited leaves no trace but its siblings") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21_0|RUNNING|node0|xp-a|None"));
  slurm.on("scontrol", "echo Job 21_3 not found; exit 1");
  slurm.on("sacct", FakeSlurm::fail(1, kNoAccounting));
  CHECK(poll_one("xp-a_3", "21_3").is_absent);
  CHECK(poll_one("xp-a_3", "21_3").outcome == Outcome::kCancelled);
  CHECK(poll_one("xp-a_3", "22_3").outcome == Outcome::kLost);    // all of its array is gone
  slurm.on("squeue", FakeSlurm::say("21|CANCELLED||xp-a|None"));  // the last one that waited
  CHECK(poll_one("xp-a_3", "21_3").outcome == Outcome::kCancelled);
}

TEST_CASE("an element whose number is not known is found by the array's name") {
  FakeSlurm slurm;
  slurm.on("squeue", FakeSlurm::say("21_0|RUNNING|node0|xp-a|None\n21_1|RUNNING|node1|xp-a|None"));
  CHECK(poll_one("xp-a_1", "").hosts == std::vector<std::string>{"node1"});
  CHECK(poll_one("xp-a_1", "").id == "21_1");
  slurm.on("sacct", FakeSlurm::say("21_2|COMPLETED|0:0|node0|xp-a"));
  CHECK(poll_one("xp-a_2", "").id == "21_2");
  CHECK(slurm.calls("sacct").at(0).ends_with(" --name=xp-a"));
  CHECK(poll_one("xp-a_4", "").is_absent);
}

TEST_CASE("a cancelled job's state is what the next poll says") {
  FakeSlurm slurm;
  slurm.on("scancel", "exit 0");
  SlurmQueue({}).cancel("21");
  CHECK(slurm.calls() == std::vector<std::string>{"scancel 21"});
  slurm.on("scancel", FakeSlurm::fail(1, "scancel: error: Unable to contact slurm controller"));
  CHECK(message_of([] { SlurmQueue({}).cancel("21"); }) ==
        "slurm does not answer: Unable to contact slurm controller");
}

TEST_CASE("polls come soon after news and seldom without") {
  PollPace pace;
  CHECK(pace.is_due(100));
  pace.polled(100, true);
  CHECK(pace.next_s() == 102);
  CHECK_FALSE(pace.is_due(101.9));
  pace.polled(102, false);
  CHECK(pace.next_s() == 105);
  for (int i = 0; i < 20; ++i)
    pace.polled(200, false);
  CHECK(pace.next_s() == 230);
  pace.polled(230, true);
  CHECK(pace.next_s() == 232);
}

}  // namespace
}  // namespace xp
