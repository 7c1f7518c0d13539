// Records of attempts and jobs: what is written comes back, what is damaged is as good as none.
#include "results/runs/attempts.h"

#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("an attempt's end comes back as it was written") {
  const TempFolder folder;
  CHECK_FALSE(read_end(folder.path()));
  write_end(folder.path(), {.outcome = Outcome::kTimeLimit,
                            .ended_s = 12.5,
                            .rank = 3,
                            .exit_code = 143,
                            .host = "node1",
                            .cause = "the job's time was up",
                            .peak_memory_bytes = 1 << 20,
                            .job_state = "TIMEOUT",
                            .job_reason = "TimeLimit"});
  const auto end = read_end(folder.path());
  REQUIRE(end);
  CHECK(end->outcome == Outcome::kTimeLimit);
  CHECK(end->ended_s == 12.5);
  CHECK(end->rank == 3);
  CHECK(end->exit_code == 143);
  CHECK(end->host == "node1");
  CHECK(end->cause == "the job's time was up");
  CHECK(end->peak_memory_bytes == 1 << 20);
  CHECK(end->job_state == "TIMEOUT");
  CHECK(end->job_reason == "TimeLimit");
}

TEST_CASE("a damaged or newer record of an attempt is as good as none") {
  const TempFolder folder;
  for (const char* text : {"", "{", "[]", "{}", R"({"schema": 2, "outcome": "done"})",
                           R"({"schema": 1, "outcome": 7, "ended_s": 1})",
                           R"({"schema": 1e300, "outcome": "done", "ended_s": 1})",
                           R"({"schema": 1, "outcome": "done", "ended_s": 1e300})",
                           R"({"schema": 1, "outcome": "done", "ended_s": 1, "exit_code": 1e300})",
                           R"({"schema": 1, "outcome": "done", "ended_s": 1, "rank": 0.5})"}) {
    write_atomic(folder.path() / "end.json", text);
    CHECK_FALSE(read_end(folder.path()));
    write_atomic(folder.path() / "launcher.json", text);
    CHECK_FALSE(read_start(folder.path()));
  }
}

TEST_CASE("an attempt's start has the time it was written, unless it says another") {
  const TempFolder folder;
  write_start(folder.path(), made_start({}, "", 0));
  CHECK(read_start(folder.path())->started_s > 1.7e9);
  write_start(folder.path(), made_start({}, "", 7));
  CHECK(read_start(folder.path())->started_s == 7);
}

TEST_CASE("every outcome has a name that leads back to it") {
  for (size_t i = 0; i < kOutcomeNames.size(); ++i) {
    const auto outcome = static_cast<Outcome>(i);
    CHECK(outcome_from(outcome_name(outcome)) == outcome);
  }
  CHECK_FALSE(outcome_from("deadline"));
}

TEST_CASE("a run knows the job it waits in until it is told to forget it") {
  const TempFolder folder;
  CHECK(job_of(folder.path()).empty());
  set_job_of(folder.path(), "xp-ab12-1");
  CHECK(job_of(folder.path()) == "xp-ab12-1");
  set_job_of(folder.path(), "");
  CHECK(job_of(folder.path()).empty());
}

TEST_CASE("jobs that ended are not open") {
  const TempFolder folder;
  const Workspace workspace{folder.path()};
  CHECK(open_jobs(workspace).empty());
  JobRecord job{.name = "xp-b-1",
                .launcher = "slurm",
                .experiment = "sweep",
                .id = "17",
                .phase = JobPhase::kRunning,
                .state = "RUNNING",
                .reason = "None",
                .hosts = {"n0", "n1"},
                .submitted_s = 5,
                .seen_s = 6,
                .runs = {"trainings/ab", "evaluations/cd"}};
  write_job(workspace, job);
  job.name = "xp-a-1";
  job.phase = JobPhase::kEnded;
  write_job(workspace, job);
  const auto open = open_jobs(workspace);
  REQUIRE(open.size() == 1);
  CHECK(open[0].name == "xp-b-1");
  CHECK(open[0].id == "17");
  CHECK(open[0].hosts == std::vector<std::string>{"n0", "n1"});
  CHECK(open[0].runs == std::vector<fs::path>{"trainings/ab", "evaluations/cd"});
  CHECK_FALSE(read_job(workspace, "xp-c-1"));
}

TEST_CASE("a start counts as a beat, and a beat makes an attempt young again") {
  const TempFolder folder;
  CHECK_FALSE(heartbeat_age_s(folder.path()));
  write_start(folder.path(), AttemptStart{});
  CHECK(*heartbeat_age_s(folder.path()) < 50);
  write_heartbeat(folder.path());
  fs::last_write_time(folder.path() / "heartbeat",
                      fs::file_time_type::clock::now() - std::chrono::seconds(100));
  CHECK(*heartbeat_age_s(folder.path()) >= 99);
  write_heartbeat(folder.path());
  CHECK(*heartbeat_age_s(folder.path()) < 50);
}

TEST_CASE("failures of the machine count until they are forgiven; others never do") {
  const TempFolder folder;
  for (const Outcome outcome :
       {Outcome::kMachine, Outcome::kPreempted, Outcome::kLost, Outcome::kUser}) {
    AttemptEnd end;
    end.outcome = outcome;
    write_end(next_attempt(folder.path()), end);
  }
  CHECK(counted_failures(folder.path()) == 2);
  reset_retries(folder.path());
  CHECK(counted_failures(folder.path()) == 0);
  AttemptEnd end;
  end.outcome = Outcome::kMachine;
  write_end(next_attempt(folder.path()), end);
  CHECK(counted_failures(folder.path()) == 1);
}
