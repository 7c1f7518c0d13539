// Sweeps through a queue: many jobs in one call, and what Ctrl-C makes of jobs that wait or run.
#include "engine/run/dispatch.h"
#include "engine/run/paper_fixture.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Trainings "a", "b", ... of one shape, before a scheduler that takes many jobs at once.
struct Many : PaperScene {
  explicit Many(char last) {
    own.takes_many = true;
    work.clear();
    for (char name = 'a'; name <= last; ++name)
      add(std::string(1, name), std::nullopt);
  }
};

// One point, and what a person wishes once its job is in the queue.
struct Waiting : PaperScene {
  Waiting() {
    Point& point = plan.points.emplace_back();
    const auto section = [](Value table) {
      Section out;
      out.table = std::move(table);
      return out;
    };
    std::map<std::string, Section> all = {{"corpus", section({{"use", "dummy"}})},
                                          {"train", section({{"seed", 1}})},
                                          {"eval", section({{"beam", 5}})},
                                          {"launch", section({{"use", "paper"}})}};
    all["train"].training = {{"train.seed", 1}};
    all["eval"].evaluation = {{"eval.beam", 5}};
    point.resolved = Settings(all);
    identify(plan, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
  }
  DispatchResult run(StopRequest stop_request) {
    DispatchSettings settings;
    settings.workspace = workspace();
    settings.programs = {program(), program(), {}};
    settings.style = Progress::Style::kQuiet;
    settings.stop_request = [this, stop_request] {
      if (own.submitted.empty()) return StopRequest::kNone;
      meanwhile();
      return stop_request;
    };
    return Dispatch(settings, [](const Value&) { return "c0ffee"; }).run(plan);
  }
  std::string job_name() const { return own.submitted.at(0).name; }
  fs::path training() const { return workspace().training(plan.points[0].ids->training); }

  Plan plan{"t", {}, {}, {}, 0, 0, {}, {}};
  std::function<void()> meanwhile = [] {};
};

}  // namespace

TEST_CASE("many jobs of one shape go into the queue in one call") {
  Many scene('e');
  CHECK(submit(scene.work, scene.settings()) == 5);
  REQUIRE(scene.own.submitted.size() == 1);
  CHECK(scene.own.submitted[0].name == "xp-a-1");
  CHECK(scene.own.submitted[0].count == 5);
  CHECK(scene.job("xp-a-1_3").id == "1_3");
  CHECK(scene.job("xp-a-1_3").runs == std::vector<fs::path>{"trainings/d"});
  CHECK(job_of(scene.run(3)) == "xp-a-1_3");

  CHECK(scene.node("xp-a-1_3").started == 1);
  CHECK(scene.job("xp-a-1_3").phase == JobPhase::kEnded);
  CHECK(scene.job("xp-a-1_2").phase == JobPhase::kQueued);
  CHECK(read_status(scene.run(3)).state == State::kDone);
}

TEST_CASE("the same run has jobs of different names in different workspaces") {
  Many scene('a');
  std::set<std::string> names;
  for (const char* root : {"one", "two"}) {
    SubmitSettings settings = scene.settings();
    settings.workspace.root = scene.folder.path() / root;
    scene.work[0].folder = settings.workspace.training("a");
    submit(scene.work, settings);
    names.insert(scene.own.submitted.back().name);
    CHECK(scene.own.submitted.back().name.starts_with("xp-a-"));
  }
  CHECK(names.size() == 2);
}

TEST_CASE("a few jobs, and those of another shape, have a call and a name each") {
  Many scene('d');
  scene.work[3].spec["launch"]["nodes"] = 2;
  CHECK(submit(scene.work, scene.settings()) == 4);
  CHECK(scene.own.submitted.size() == 4);
  CHECK(scene.own.submitted[3].count == 0);
}

TEST_CASE("many jobs that were taken although no answer came are found by their names") {
  Many scene('d');
  scene.own.submit_error = Error(Blame::kMachine, "socket timed out");
  scene.own.takes_it_all_the_same = true;
  CHECK_THROWS_AS(submit(scene.work, scene.settings()), Error);
  CHECK(submit(scene.work, scene.settings()) == 0);
  CHECK(update_jobs(scene.workspace()).size() == 4);
  CHECK(scene.job("xp-a-1_2").id == "1_2");
  CHECK(scene.own.submitted.size() == 1);
}

TEST_CASE(
    "a job that was taken out of the queue without a trace was cancelled, if it had not begun") {
  Many scene('d');
  submit(scene.work, scene.settings());
  BatchState gone;
  gone.is_absent = true;
  gone.outcome = Outcome::kCancelled;
  scene.own.jobs["xp-a-1_1"] = scene.own.jobs["xp-a-1_2"] = gone;
  JobRecord begun = scene.job("xp-a-1_2");
  begun.phase = JobPhase::kRunning;
  write_job(scene.workspace(), begun);
  update_jobs(scene.workspace());
  CHECK(read_status(scene.run(1)).cause == "cancelled");
  CHECK(scene.job("xp-a-1_1").phase == JobPhase::kEnded);
  CHECK(scene.job("xp-a-1_2").phase == JobPhase::kRunning);
}

TEST_CASE("jobs that the queue does not take at once go in one by one") {
  Many scene('d');
  scene.own.submit_error = Error(Blame::kUser, "Invalid job array specification");
  CHECK(submit(scene.work, scene.settings()) == 4);
  CHECK(scene.own.submitted.size() == 4);
  CHECK(scene.own.submitted[0].name == "xp-a-2");
  CHECK(scene.job("xp-a-1_0").phase == JobPhase::kEnded);
  CHECK(job_of(scene.run(3)) == "xp-d-1");
}

TEST_CASE("packed runs have an accelerator each, as many at a time as the job has") {
  Many scene('c');
  scene.own.pack = 8;
  for (auto& one : scene.work)
    one.spec["launch"]["device"] = "cuda";
  // The first two wait for each other: one at a time would never end.
  const std::string begun = (scene.folder.path() / "begun-").string();
  scene.engine(
      fmt::format("echo $CUDA_VISIBLE_DEVICES > \"$2/gpu\"; touch {0}${{2##*/}}\n"
                  "while test $(ls {0}* | wc -l) -lt 2; do sleep 0.02; done\n{1}",
                  begun, kDone));
  REQUIRE(submit(scene.work, scene.settings()) == 1);
  scene.own.place = Allocation{"1", 0, {"n0"}, {4, 6}};
  if (own_cores().size() < 2) SKIP("one processor");
  work_through(
      job_folder(scene.workspace(), "xp-a-1"), "/bin/xp", [] { return StopRequest::kNone; },
      [] { return Outcome::kStopped; });
  CHECK(read_file(scene.run(0) / "gpu") == "4\n");
  CHECK(read_file(scene.run(1) / "gpu") == "6\n");
  CHECK(read_file(scene.run(2) / "gpu").size() == 2);
  CHECK(read_start(attempt_folder(scene.run(0), 1))->shared_with == 1);
}

TEST_CASE("Ctrl-C once submits no more and waits for the jobs that are there") {
  Waiting scene;
  scene.own.retries = 5;
  scene.meanwhile = [&] { scene.ends(scene.job_name(), Outcome::kMachine, "NODE_FAIL"); };
  const DispatchResult result = scene.run(StopRequest::kStartNoMore);
  CHECK(result.stopped);
  CHECK(scene.job(scene.job_name()).phase == JobPhase::kEnded);
  CHECK(read_end(attempt_folder(scene.training(), 1))->outcome == Outcome::kMachine);
  CHECK(scene.own.submitted.size() == 1);
  CHECK(scene.own.cancelled.empty());
}

TEST_CASE("Ctrl-C twice cancels the jobs, which is no failure") {
  Waiting scene;
  const DispatchResult result = scene.run(StopRequest::kStopAll);
  CHECK(result.stopped);
  CHECK(result.failures.empty());
  CHECK(scene.own.cancelled == std::vector<std::string>{"1"});
  CHECK(scene.job(scene.job_name()).phase == JobPhase::kEnded);
  CHECK(read_status(scene.training()).cause == "cancelled");
}

TEST_CASE("an end that was not meant for the jobs leaves them in the queue") {
  Waiting scene;
  const DispatchResult result = scene.run(StopRequest::kStopHere);
  CHECK(result.stopped);
  CHECK(result.is_queued);
  CHECK(scene.own.cancelled.empty());
  CHECK(scene.job(scene.job_name()).phase == JobPhase::kQueued);
}

TEST_CASE(
    "a job that waits runs the programs that it was submitted with, whatever is built later") {
  Waiting scene;
  scene.run(StopRequest::kStopHere);
  scene.engine("exit 1");
  CHECK(scene.node(scene.job_name()).failures.empty());
  CHECK(read_status(scene.training()).state == State::kDone);
  const fs::path programs = scene.workspace().root / "programs";
  CHECK(scene.own.submitted[0].command[0].starts_with(fs::absolute(programs).string()));
}
