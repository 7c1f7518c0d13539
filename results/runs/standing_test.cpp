// How made-up run folders stand.
#include "results/runs/standing.h"

#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct OneRun {
  OneRun() { fs::create_directories(attempt_folder(run, 1)); }
  void status(State state, const std::string& cause = "") {
    write_status(run, {state, 1, 100, 0, cause, Value::object()});
  }
  void job(JobPhase phase, const std::string& id = "4711", bool is_stuck = false) {
    put_into_job(workspace, "trainings/aaaa", phase, id, "Resources", is_stuck);
  }
  void end(Outcome outcome, const std::string& cause) {
    write_end(attempt_folder(run, 1), made_end(outcome, cause));
  }
  void silent() {
    write_heartbeat(attempt_folder(run, 1));
    fs::last_write_time(attempt_folder(run, 1) / "heartbeat",
                        fs::file_time_type::clock::now() - std::chrono::seconds(200));
  }
  Standing look() const { return standing_of(run, OpenJobs(workspace)); }
  std::string words() const {
    const Standing found = look();
    return std::string(state_name(found.state)) + "|" + found.class_name() + "|" + found.cause();
  }

  TempFolder folder;
  Workspace workspace{folder.path()};
  fs::path run = workspace.training("aaaa");
};

}  // namespace

TEST_CASE("a folder without a status, or no folder at all, is new") {
  const OneRun one;
  CHECK(one.words() == "new||");
  CHECK(standing_of(one.workspace.training("bbbb"), OpenJobs()).state == RunState::kNew);
}

TEST_CASE("a run that was cancelled before it began says so") {
  const OneRun one;
  ask_cancel(one.run);
  CHECK(one.words() == "new||cancelled");
}

TEST_CASE("a run whose job waits is queued, with the scheduler's reason") {
  OneRun one;
  one.job(JobPhase::kSubmitting, "");
  CHECK(one.words() == "queued||being submitted");
  one.job(JobPhase::kQueued);
  CHECK(one.words() == "queued||job 4711: Resources");
  one.job(JobPhase::kQueued, "4711", true);
  CHECK(one.words() == "queued||job 4711: Resources; it will not start by itself");
  one.status(State::kRunning);  // preempted, and back in the queue
  one.job(JobPhase::kQueued);
  CHECK(one.words() == "queued||job 4711: Resources");
}

TEST_CASE("a run whose job has begun and that nobody has taken up is starting") {
  OneRun one;
  one.job(JobPhase::kRunning);
  CHECK(one.words() == "starting||job 4711 runs");
}

TEST_CASE("a job that ended holds no run") {
  OneRun one;
  one.job(JobPhase::kEnded);
  CHECK(one.words() == "new||");
}

TEST_CASE("a held lease means running, and silent without a heartbeat for a minute") {
  OneRun one;
  one.status(State::kRunning);
  const LeaseHolder holder(one.run);
  CHECK(one.look().state == RunState::kRunning);
  write_heartbeat(attempt_folder(one.run, 1));
  CHECK(one.words() == "running||");
  one.silent();
  CHECK(one.words() == "silent||no sign of life for 3 min 20 s");
}

TEST_CASE("a run that nobody works on has stopped, and says how its last attempt ended") {
  OneRun one;
  one.status(State::kRunning);
  CHECK(one.words() == "stopped||");
  one.end(Outcome::kTimeLimit, "the job's time was up");
  CHECK(one.words() == "stopped|time limit|the job's time was up");
}

TEST_CASE("a failed run has the class of its last attempt, if that is known") {
  OneRun one;
  one.status(State::kFailed, "rank 0 was killed");
  CHECK(one.words() == "failed||rank 0 was killed");
  one.end(Outcome::kMemory, "ignored");
  CHECK(one.words() == "failed|memory|rank 0 was killed");
  one.job(JobPhase::kRunning);  // other runs of its job are still to do
  CHECK(one.words() == "failed|memory|rank 0 was killed");
  one.job(JobPhase::kQueued);
  CHECK(one.words() == "queued||job 4711: Resources");
}

TEST_CASE("what is done stays done, whatever jobs say") {
  OneRun one;
  one.status(State::kDone);
  one.job(JobPhase::kQueued);
  CHECK(one.words() == "done||");
}
