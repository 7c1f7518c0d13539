// Runs in a queue: submitted once, brought up to date by any xp, retried as often as allowed.
#include "engine/run/paper_fixture.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Scene = PaperScene;
XP_REGISTER(Launcher, Paper, "paper", "for tests");

}  // namespace

TEST_CASE("a training and its evaluations go into one job, and into no second one") {
  Scene scene;
  CHECK(submit(scene.work, scene.settings()) == 2);
  REQUIRE(scene.own.submitted.size() == 2);
  CHECK(scene.own.submitted[0].name == "xp-a-1");
  CHECK(scene.own.submitted[0].command ==
        std::vector<std::string>{"/bin/xp", "work", scene.own.submitted[0].folder.string()});
  CHECK(scene.job("xp-a-1").runs ==
        std::vector<fs::path>{"trainings/a", "evaluations/a1", "evaluations/a2"});
  CHECK(scene.job("xp-a-1").phase == JobPhase::kQueued);
  CHECK(scene.job("xp-a-1").id == "1");
  CHECK(job_of(scene.run(4)) == "xp-b-1");

  CHECK(submit(scene.work, scene.settings()) == 0);
  CHECK(scene.own.submitted.size() == 2);
}

TEST_CASE("small runs are packed into one job if the launcher says so") {
  Scene scene;
  scene.own.pack = 8;
  CHECK(submit(scene.work, scene.settings()) == 1);
  CHECK(scene.job("xp-a-1").runs.size() == 5);
  CHECK(scene.node("xp-a-1").failures.empty());
  CHECK(still_open(scene.work).empty());
}

TEST_CASE("a job does its work and is over without asking the scheduler") {
  Scene scene;
  submit(scene.work, scene.settings());
  const Execution done = scene.node("xp-a-1");
  CHECK(done.started == 3);
  CHECK(read_status(scene.run(2)).state == State::kDone);
  CHECK(scene.job("xp-a-1").phase == JobPhase::kEnded);
  CHECK(job_of(scene.run(0)).empty());
  CHECK(scene.own.submitted.size() == 2);
}

TEST_CASE("a submission that seemed to fail but was taken is found by its name") {
  Scene scene;
  scene.work.resize(3);
  scene.own.submit_error = Error(Blame::kMachine, "socket timed out");
  scene.own.takes_it_all_the_same = true;
  CHECK_THROWS_AS(submit(scene.work, scene.settings()), Error);
  CHECK(scene.job("xp-a-1").phase == JobPhase::kSubmitting);
  CHECK(submit(scene.work, scene.settings()) == 0);
  const auto news = update_jobs(scene.workspace());
  REQUIRE(news.size() == 1);
  CHECK(news[0].text == "waiting: PENDING Priority");
  CHECK(scene.job("xp-a-1").id == "1");
  CHECK(scene.own.submitted.size() == 1);
}

TEST_CASE("a submission that never arrived is made again under another name") {
  Scene scene;
  scene.work.resize(3);
  scene.own.submit_error = Error(Blame::kMachine, "socket timed out");
  CHECK_THROWS_AS(submit(scene.work, scene.settings()), Error);
  CHECK(update_jobs(scene.workspace()).empty());  // it may still be on its way
  JobRecord old = scene.job("xp-a-1");
  old.submitted_s -= 100;
  write_job(scene.workspace(), old);
  CHECK(update_jobs(scene.workspace()).at(0).text == "never came into the queue");
  CHECK(submit(scene.work, scene.settings()) == 1);
  CHECK(scene.own.submitted.at(0).name == "xp-a-2");
}

TEST_CASE("a job that the scheduler refuses holds nothing") {
  Scene scene;
  scene.own.submit_error = Error(Blame::kUser, "invalid partition");
  CHECK_THROWS_AS(submit(scene.work, scene.settings()), Error);
  CHECK(scene.job("xp-a-1").phase == JobPhase::kEnded);
  CHECK(job_of(scene.run(0)).empty());
}

TEST_CASE("a scheduler that does not answer says nothing about its jobs") {
  Scene scene;
  submit(scene.work, scene.settings());
  for (auto& [name, job] : scene.own.jobs)
    job = BatchState{};  // unknown, not absent
  JobRecord old = scene.job("xp-a-1");
  old.seen_s = old.submitted_s = 1;
  write_job(scene.workspace(), old);
  CHECK(update_jobs(scene.workspace()).empty());
  CHECK(scene.job("xp-a-1").phase == JobPhase::kQueued);
}

TEST_CASE("a job that the scheduler forgot is lost if it has no heartbeat") {
  Scene scene;
  submit(scene.work, scene.settings());
  scene.own.jobs.erase("xp-a-1");
  for (const auto& name : {"xp-a-1", "xp-b-1"}) {
    JobRecord old = scene.job(name);
    old.seen_s = 1;
    write_job(scene.workspace(), old);
  }
  const fs::path attempt = next_attempt(scene.run(0));
  write_status(scene.run(0), {State::kRunning, 1, 0, 0, "", Value::object()});
  write_heartbeat(attempt);
  CHECK(update_jobs(scene.workspace()).size() == 1);  // job b's waiting
  CHECK(scene.job("xp-a-1").phase == JobPhase::kQueued);
  fs::remove(attempt / "heartbeat");
  update_jobs(scene.workspace());
  CHECK(scene.job("xp-a-1").phase == JobPhase::kEnded);
  CHECK(read_end(attempt)->outcome == Outcome::kLost);
  CHECK(read_status(scene.run(0)).state == State::kFailed);
}

TEST_CASE("a node's death is tried again elsewhere as often as the budget says") {
  Scene scene;
  scene.own.retries = 1;
  scene.work.resize(1);
  const fs::path run = scene.run(0);
  for (const int round : {1, 2}) {
    REQUIRE(submit(scene.work, scene.settings()) == 1);
    const std::string name = scene.own.submitted.back().name;
    write_atomic(next_attempt(run) / "rank-0.log", "");
    write_atomic(run / "spec.toml", "[launch]\nuse = \"paper\"\n");
    write_status(run, {State::kRunning, round, 0, 0, "", Value::object()});
    scene.own.jobs.at(name).hosts = {"n7"};
    scene.ends(name, Outcome::kMachine, "NODE_FAIL", "NodeDown");
    CHECK(update_jobs(scene.workspace()).at(0).text == "ended: NODE_FAIL NodeDown");
    const auto end = read_end(attempt_folder(run, round));
    CHECK(end->outcome == Outcome::kMachine);
    CHECK(end->host == "n7");
    CHECK(end->job_state == "NODE_FAIL");
  }
  CHECK(scene.own.submitted.at(1).exclude == std::vector<std::string>{"n7"});
  CHECK(read_status(run).state == State::kFailed);
  CHECK(read_status(run).cause == "job 2 ended: NODE_FAIL NodeDown");
  CHECK(submit(still_open(scene.work), scene.settings()) == 0);
}

TEST_CASE("a node that died before a run's files were on the disk is tried again elsewhere") {
  Scene scene;
  scene.own.retries = 1;
  scene.work.resize(1);
  REQUIRE(submit(scene.work, scene.settings()) == 1);
  const fs::path run = scene.run(0);
  for (const char* name : {"status.json", "spec.toml", "attempts/1/launcher.json"})
    write_atomic(run / name, "");
  scene.ends("xp-a-1", Outcome::kMachine, "NODE_FAIL", "NodeDown");
  update_jobs(scene.workspace());
  CHECK(read_end(attempt_folder(run, 1))->outcome == Outcome::kMachine);
  CHECK(read_file(run / "spec.toml") == "[launch]\nuse = \"paper\"\n");
  CHECK(submit(still_open(scene.work), scene.settings()) == 1);
}

TEST_CASE("preemptions and time limits cost no retry") {
  Scene scene;
  scene.work.resize(1);
  const fs::path run = scene.run(0);
  for (const Outcome outcome : {Outcome::kPreempted, Outcome::kTimeLimit, Outcome::kPreempted}) {
    REQUIRE(submit(scene.work, scene.settings()) == 1);
    const std::string name = scene.own.submitted.back().name;
    next_attempt(run);
    write_atomic(run / "spec.toml", "[launch]\nuse = \"paper\"\n");
    write_status(run, {State::kRunning, last_attempt(run), 0, 0, "", Value::object()});
    scene.ends(name, outcome, "ENDED");
    update_jobs(scene.workspace());
    CHECK(read_end(attempt_folder(run, last_attempt(run)))->outcome == outcome);
    CHECK(read_status(run).state == State::kRunning);
  }
  CHECK(counted_failures(run) == 0);
}

TEST_CASE("a job that ended before its run began says why") {
  Scene scene;
  scene.work.resize(1);
  submit(scene.work, scene.settings());
  scene.ends("xp-a-1", Outcome::kMachine, "FAILED", "JobLaunchFailure");
  update_jobs(scene.workspace());
  CHECK(read_status(scene.run(0)).state == State::kFailed);
  CHECK(read_status(scene.run(0)).cause ==
        "job 1 ended before the run began: FAILED JobLaunchFailure");
}

TEST_CASE("a job that its node could not start is tried again as often as the budget says") {
  Scene scene;
  scene.own.retries = 1;
  scene.work.resize(1);
  for (const int number : {1, 2}) {
    REQUIRE(submit(still_open(scene.work), scene.settings()) == 1);
    scene.ends(fmt::format("xp-a-{}", number), Outcome::kMachine, "FAILED", "JobLaunchFailure");
    update_jobs(scene.workspace());
  }
  CHECK(read_status(scene.run(0)).state == State::kFailed);
  CHECK(last_attempt(scene.run(0)) == 2);
}

TEST_CASE("a job that was cancelled from outside leaves its runs cancelled") {
  Scene scene;
  submit(scene.work, scene.settings());
  scene.ends("xp-b-1", Outcome::kCancelled, "CANCELLED");
  update_jobs(scene.workspace());
  CHECK(read_status(scene.run(3)).cause == "cancelled");
  CHECK(read_end(attempt_folder(scene.run(3), 1))->outcome == Outcome::kCancelled);
}

TEST_CASE("a job that was killed without a word resumes when the scheduler starts it again") {
  Scene scene;
  scene.own.retries = 1;
  scene.work.resize(1);
  submit(scene.work, scene.settings());
  const fs::path attempt = next_attempt(scene.run(0));
  write_atomic(scene.run(0) / "spec.toml", "[launch]\nuse = \"paper\"\n");
  write_status(scene.run(0), {State::kRunning, 1, 0, 0, "", Value::object()});
  CHECK(scene.node("xp-a-1", 1).started == 1);
  CHECK(read_end(attempt)->outcome == Outcome::kMachine);
  CHECK(read_end(attempt)->cause == "the node it ran on was lost");
  CHECK(counted_failures(scene.run(0)) == 1);  // the scheduler's try and ours are one
  CHECK(read_status(scene.run(0)).state == State::kDone);
}

TEST_CASE("a job that the scheduler starts again does not go over a run's retries") {
  Scene scene;
  scene.work.resize(1);
  submit(scene.work, scene.settings());
  next_attempt(scene.run(0));
  write_atomic(scene.run(0) / "spec.toml", "[launch]\nuse = \"paper\"\n");
  write_status(scene.run(0), {State::kRunning, 1, 0, 0, "", Value::object()});
  CHECK(scene.node("xp-a-1", 1).started == 0);
  CHECK(read_status(scene.run(0)).cause == "the node it ran on was lost");
  CHECK(last_attempt(scene.run(0)) == 1);
}

TEST_CASE("an attempt that saved before its job began again was preempted") {
  Scene scene;
  scene.work.resize(1);
  submit(scene.work, scene.settings());
  write_atomic(scene.run(0) / "spec.toml", "[launch]\nuse = \"paper\"\n");
  AttemptEnd saved;
  saved.outcome = Outcome::kStopped;
  write_end(next_attempt(scene.run(0)), saved);
  write_status(scene.run(0), {State::kRunning, 1, 0, 0, "", Value::object()});
  scene.node("xp-a-1", 1);
  CHECK(read_end(attempt_folder(scene.run(0), 1))->outcome == Outcome::kPreempted);
  CHECK(read_status(scene.run(0)).state == State::kDone);
}

TEST_CASE(
    "what fails on a node with retries left is submitted again from there, without that node") {
  Scene scene;
  scene.own.retries = 1;
  scene.work.resize(3);
  submit(scene.work, scene.settings());
  scene.engine("echo 'connection reset'; exit 1");
  const Execution result = scene.node("xp-a-1");
  CHECK(result.failures.empty());
  REQUIRE(scene.own.submitted.size() == 2);
  CHECK(scene.own.submitted[1].name == "xp-a-2");
  CHECK(scene.own.submitted[1].exclude == std::vector<std::string>{"n0"});
  CHECK(job_of(scene.run(0)) == "xp-a-2");
  const Execution again = scene.node("xp-a-2");
  CHECK(again.failures.at(0).cause == "rank 0 ended with exit code 1: connection reset");
  CHECK(scene.own.submitted.size() == 2);
}

TEST_CASE("an attempt that was asked to end and killed before it had saved was no node's death") {
  for (const auto& [asked_for, meaning] : {std::pair(Outcome::kStopped, Outcome::kPreempted),
                                           std::pair(Outcome::kTimeLimit, Outcome::kTimeLimit)}) {
    Scene scene;
    scene.work.resize(1);
    submit(scene.work, scene.settings());
    write_atomic(scene.run(0) / "spec.toml", "[launch]\nuse = \"paper\"\n");
    write_end_request(next_attempt(scene.run(0)), asked_for);
    write_status(scene.run(0), {State::kRunning, 1, 0, 0, "", Value::object()});
    scene.node("xp-a-1", 1);
    CHECK(read_end(attempt_folder(scene.run(0), 1))->outcome == meaning);
    CHECK(counted_failures(scene.run(0)) == 0);
  }
}

TEST_CASE("two jobs that have the same run do it once") {
  Scene scene;
  scene.work.resize(1);
  submit(scene.work, scene.settings());
  const auto lease = take_lease(scene.run(0));
  CHECK(submit(scene.work, scene.settings()) == 0);
  fs::remove(scene.run(0) / "job");
  CHECK(submit(scene.work, scene.settings()) == 0);  // held by somebody
}

TEST_CASE("a job is cancelled when all that is left of it is, and not before") {
  Scene scene;
  submit(scene.work, scene.settings());
  CHECK(cancel_jobs(scene.workspace(), {scene.run(0)}) == 0);
  CHECK(cancel_jobs(scene.workspace(), {scene.run(0), scene.run(1), scene.run(2)}) == 1);
  CHECK(scene.own.cancelled == std::vector<std::string>{"1"});
}

TEST_CASE("a job whose time is up asks to be started again while work is left") {
  Scene scene;
  submit(scene.work, scene.settings());
  scene.own.place = Allocation{"1", 0, {"n0"}, {}};
  requeue(job_folder(scene.workspace(), "xp-a-1"));
  CHECK(scene.own.requeued == std::vector<std::string>{"1"});
  scene.node("xp-a-1");
  requeue(job_folder(scene.workspace(), "xp-a-1"));
  CHECK(scene.own.requeued.size() == 1);
}
