// What `xp status`, `why`, `logs`, `watch` and `cancel` say about a half-done experiment.
#include "engine/base/text.h"
#include "engine/cli/commands/sweep_fixture.h"
#include "engine/cli/parser/exit_code.h"
#include "registry/launcher.h"
#include "results/runs/standing.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <thread>

namespace xp {
namespace {

// What the scheduler of the jobs says, and what it was told.
struct Scheduler {
  static inline std::map<std::string, BatchState> states;  ///< by the job's name
  static inline std::vector<std::string> cancelled;

  static void says(const std::string& job, BatchState::Phase phase, const std::string& words,
                   Outcome outcome = Outcome::kDone) {
    BatchState& state = states[job];
    state.phase = phase;
    state.id = job.substr(3);
    state.state = words;
    state.outcome = outcome;
    state.hosts = {"node7"};
  }
};

struct TestQueue final : BatchQueue {
  std::string problem(const BatchJob&) const override { return ""; }
  std::string submit(const BatchJob&) override { return "1"; }
  std::map<std::string, BatchState> poll(const std::map<std::string, std::string>&) override {
    return Scheduler::states;
  }
  void cancel(const std::string& id) override {
    Scheduler::cancelled.push_back(id);
    Scheduler::says("xp-" + id, BatchState::Phase::kEnded, "CANCELLED", Outcome::kCancelled);
  }
  bool requeue(const std::string&) override { return false; }
};

struct TestLauncher final : Launcher {
  struct Config {
    void describe(auto&) {}
  };
  explicit TestLauncher(const Config&) {}
  std::unique_ptr<RunningJob> start(const LaunchJob&) const override { return nullptr; }
  std::unique_ptr<BatchQueue> queue() const override { return std::make_unique<TestQueue>(); }
};
XP_REGISTER(Launcher, TestLauncher, "test-queue", "for tests");

// With the lease of the second run held.
struct Scene : HalfDone {
  Scene() {
    Scheduler::states.clear();
    Scheduler::cancelled.clear();
    // The process that holds the lease must not hold our output.
    holder = std::make_unique<LeaseHolder>(workspace.training(training(2)));
  }
  std::string said(std::vector<std::string> words) const {
    return shortened(xp(std::move(words)).output);
  }
  std::unique_ptr<LeaseHolder> holder;
};

TEST_CASE("status of a workspace counts what is done and shows what is not") {
  const Scene scene;
  CHECK(scene.said({"status"}) ==
        "experiment  points  done  running  queued  stopped  failed  cancelled\n"
        "quick       5       1     1        1       1        1       0\n"
        "\n"
        "#  point   state    attempts  updates  bleu  training\n"
        "1  seed=2  running  1         20       -     aaaa000000000002  job 9 on node1, node2; "
        "1 min 20 s left\n"
        "2  seed=3  queued   0         0        -     aaaa000000000003  job 4711: Resources\n"
        "3  seed=4  failed   1         0        -     aaaa000000000004  memory: rank 1 on node2 "
        "was killed by signal 9\n"
        "4  seed=5  stopped  1         0        -     aaaa000000000005  preempted: the scheduler "
        "wanted the place\n"
        "1 failed: memory; xp why aaaa000000000004 --workspace W shows one\n"
        "next: xp status FILE --workspace W shows the points of one\n");
}

TEST_CASE("status of an empty workspace says what to type") {
  const TempFolder folder;
  CHECK(type({"status", "--workspace", folder.path().string()}).output ==
        "no experiment has run in '" + folder.path().string() +
            "'; next: xp run FILE --workspace " + folder.path().string() + "\n");
}

TEST_CASE("selectors pick rows of status, and rows of the last table by number") {
  const Scene scene;
  CHECK(scene.said({"status", "state:failed"}).find("1  seed=4") != std::string::npos);
  CHECK(scene.said({"status", "1"}).find("1  seed=4") != std::string::npos);
  CHECK(scene.xp({"status", "2"}).exit_code == Exit::kUsage);  // that table had one row
  CHECK(scene.xp({"status", "state:faild"}).exit_code == Exit::kUsage);
}

TEST_CASE("status as data has the job, the class and the heartbeat") {
  const Scene scene;
  write_heartbeat(scene.workspace.root / HalfDone::attempt(2));
  const Value json = Value::parse(scene.xp({"status", "--json"}).output);
  const Value& quick = json["experiments"][0];
  CHECK(quick["running"] == 1);
  CHECK(quick["queued"] == 1);
  const Value& running = quick["under_way"][0]["run"];
  CHECK(running["state"] == "running");
  CHECK(running["hosts"] == std::vector<std::string>{"node1", "node2"});
  CHECK(running["heartbeat_age_s"].get<double>() < 60);
  CHECK(running["rate"] == 1.0);
  CHECK(running["left_s"] == 80.0);
  const Value& queued = quick["under_way"][1];
  CHECK(queued["state"] == "queued");
  CHECK(queued["run"]["job"]["id"] == "4711");
  CHECK(queued["run"]["job"]["reason"] == "Resources");
  CHECK(quick["under_way"][2]["run"]["class"] == "memory");
}

TEST_CASE("why shows class, exit, scheduler, memory, attempts, last lines and what retry changes") {
  const Scene scene;
  CHECK(scene.said({"why", "seed=4"}) ==
        "training aaaa000000000004: failed, memory\n"
        "  point      seed=4 of quick\n"
        "  cause      rank 1 on node2 was killed by signal 9\n"
        "  exit       137 (SIGKILL), rank 1 on node2\n"
        "  memory     31.0 GB at its peak\n"
        "  scheduler  OUT_OF_MEMORY, OutOfMemory\n"
        "\n"
        "attempt  began             took        where                           ended\n"
        "1        2025-10-09 08:53  1 min 30 s  node1, node2 over eth0 (job 8)  memory: rank 1 on "
        "node2 was killed by signal 9\n"
        "\n"
        "W/trainings/aaaa000000000004/attempts/1/rank-1.log ends with\n"
        "  | update 1\n"
        "  | update 3\n"
        "  | out of memory\n"
        "\n"
        "retry: would fail the same way; [launch] on_oom = \"halve\" halves the micro-batch and "
        "doubles the accumulation, 2048 tokens x 2\n"
        "next: xp check FILE\n");
}

TEST_CASE("why says what a queued, a running and a stopped run wait for") {
  const Scene scene;
  CHECK(scene.said({"why", "seed=3"}) ==
        "training aaaa000000000003: queued\n"
        "  point      seed=3 of quick\n"
        "  cause      job 4711: Resources\n"
        "  scheduler  job 4711: PENDING, Resources\n"
        "\n"
        "retry: not needed: it is waiting in the queue\n"
        "next: xp watch --workspace W\n");
  const std::string running = scene.said({"why", "seed=2"});
  CHECK(running.find("  saved      update 20 of 100\n") != std::string::npos);
  CHECK(running.find("running\n") != std::string::npos);
  CHECK(running.find("next: xp logs -f aaaa000000000002 --workspace W\n") != std::string::npos);
  const std::string stopped = scene.said({"why", "seed=5"});
  CHECK(stopped.find("training aaaa000000000005: stopped, preempted\n") == 0);
  CHECK(stopped.find("retry: not needed: the next `xp run` resumes it from the beginning\n"
                     "next: xp run FILE --workspace W\n") != std::string::npos);
}

TEST_CASE("why as data has every attempt") {
  const Scene scene;
  const Value json = Value::parse(scene.xp({"why", "aaaa000000000004", "--json"}).output);
  CHECK(json["class"] == "memory");
  CHECK(json["attempts"][0]["exit_code"] == 137);
  CHECK(json["attempts"][0]["host"] == "node2");
  CHECK(json["retry"]["may_help"] == false);
}

TEST_CASE("logs show the rank that failed first, or the one asked for") {
  const Scene scene;
  CHECK(scene.said({"logs", "seed=4", "-n", "1"}) == "out of memory\n");
  CHECK(scene.said({"logs", "seed=4", "--rank", "0"}) == "rank 0 is fine\n");
  CHECK(scene.xp({"logs", "seed=4", "--rank", "7"}).exit_code == Exit::kUsage);
  CHECK(scene.xp({"logs", "seed=4", "--attempt", "2"}).exit_code == Exit::kUsage);
  CHECK(scene.xp({"logs", "seed=3"}).exit_code == Exit::kUsage);  // has not begun
  CHECK(scene.xp({"logs", "quick"}).exit_code == Exit::kUsage);   // fits nothing
  CHECK(scene.xp({"logs", "seed=*"}).exit_code == Exit::kUsage);  // fits several
}

TEST_CASE("logs show what a run's job wrote") {
  Scene scene;
  CHECK(scene.xp({"logs", "seed=3", "--job"}).exit_code == Exit::kUsage);  // nothing yet
  scene.put("jobs/xp-4711/output.log", "srun: error\n");
  CHECK(scene.said({"logs", "seed=3", "--job"}) == "srun: error\n");
}

TEST_CASE("a followed log continues across attempts until no process holds the run") {
  Scene scene;
  scene.put(HalfDone::attempt(2) + "/rank-0.log", "first\n");
  const fs::path run = scene.workspace.training(HalfDone::training(2));
  std::thread others([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    scene.put("trainings/" + HalfDone::training(2) + "/attempts/2/rank-0.log", "second\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    Status status = read_status(run);
    status.state = State::kDone;
    write_status(run, status);
  });
  const Typed typed = scene.xp({"logs", HalfDone::training(2), "-f"});
  others.join();
  CHECK(typed.output == "first\nsecond\n");
  CHECK(typed.exit_code == Exit::kDone);
}

TEST_CASE("watch writes a line per change and ends when all is over") {
  Scene scene;
  std::thread others([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    write_status(scene.workspace.training(HalfDone::training(2)),
                 {State::kFailed, 1, 1, 2, "rank 0 broke", Value::object()});
  });
  const fs::path note = scene.workspace.root / "note";
  const Typed typed =
      scene.xp({"watch", "seed=2", "--interval", "0.1", "--notify",
                "echo \"$XP_EVENT $XP_EXPERIMENT $XP_DONE $XP_FAILED $XP_MESSAGE\" >> '" +
                    note.string() + "'"});
  others.join();
  CHECK(typed.exit_code == Exit::kPartlyFailed);
  const auto lines = split(typed.output, '\n');
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "1 point: 1 running");
  CHECK(lines[1].substr(8) == " seed=2: failed, rank 0 broke");
  CHECK(lines[2] == "1 point: 1 failed");
  CHECK(read_file(note) ==
        "failure quick 0 1 seed=2 failed: rank 0 broke\n"
        "end quick 0 1 1 point: 1 failed\n");
}

TEST_CASE("cancel asks runs to end, and not to begin") {
  Scene scene;
  CHECK(scene.xp({"cancel"}).exit_code == Exit::kUsage);
  CHECK(scene.xp({"cancel", "seed=5"}).exit_code == Exit::kUsage);  // no terminal to ask
  CHECK(scene.said({"cancel", "seed=5", "--dry-run"}) ==
        "  training aaaa000000000005  seed=5  stopped, the scheduler wanted the place\n"
        "  evaluation bbbb000000000005  seed=5  new\n"
        "2 runs (1 new, 1 stopped) would be cancelled\n");
  CHECK_FALSE(is_cancel_asked(scene.workspace.training(HalfDone::training(5))));
  CHECK(scene.said({"cancel", "seed=5", "--yes"}) ==
        "  training aaaa000000000005  seed=5  stopped, the scheduler wanted the place\n"
        "  evaluation bbbb000000000005  seed=5  new\n"
        "2 runs (1 new, 1 stopped) cancelled; next: xp retry state:cancelled --workspace W resumes "
        "it\n");
  CHECK(cancel_reason(scene.workspace.training(HalfDone::training(5))) == "by xp cancel");
  CHECK(scene.said({"status", "state:cancelled"}).find("1  seed=5  cancelled") !=
        std::string::npos);
  CHECK(scene.said({"cancel", "seed=1", "--yes"}) ==
        "nothing to cancel: 5 points: 1 queued, 1 running, 1 done, 1 failed, 1 cancelled\n");
}

TEST_CASE("any command records what the scheduler reports about open jobs") {
  const Scene scene;
  Scheduler::says("xp-4711", BatchState::Phase::kRunning, "RUNNING");
  CHECK(scene.said({"status", "seed=3"}).find("seed=3  starting") != std::string::npos);
  Scheduler::says("xp-4711", BatchState::Phase::kEnded, "NODE_FAIL", Outcome::kMachine);
  CHECK(scene.said({"why", "seed=3"}).find("NODE_FAIL") != std::string::npos);
}

TEST_CASE("cancelling a queued run takes its job out of the queue, and no other") {
  const Scene scene;
  CHECK(scene.xp({"cancel", "seed=3", "--yes"}).exit_code == Exit::kDone);
  CHECK(Scheduler::cancelled == std::vector<std::string>{"4711"});
  CHECK(open_jobs(scene.workspace).size() == 1);  // that of the run under way
  CHECK(scene.said({"status", "class:cancelled"}).find("seed=3  cancelled") != std::string::npos);
}

TEST_CASE("retry is about what failed or was cancelled, and needs the experiment's file") {
  Scene scene;
  CHECK(scene.said({"retry", "seed=1"}) ==
        "nothing failed or was cancelled: "
        "5 points: 1 queued, 1 running, 1 stopped, 1 done, 1 failed\n");
  CHECK(scene.said({"retry", "--dry-run"}) == "1 point would be retried\n");
  ask_cancel(scene.workspace.training(HalfDone::training(5)));
  CHECK(scene.said({"retry", "--dry-run"}) == "2 points would be retried\n");
  CHECK(scene.xp({"retry", "state:cancelled"}).exit_code == Exit::kUnfinished);
  CHECK(is_cancel_asked(scene.workspace.training(HalfDone::training(5))));  // nothing was changed
}

TEST_CASE("retry runs the file that the last run of the experiment had") {
  Scene scene;
  Value plan = Value::parse(read_file(scene.workspace.root / "experiments/quick/plan.json"));
  const fs::path file = scene.workspace.root / "quick.toml";
  write_atomic(file, "schema = 1\nname = \"quick\"\ntrian = 1\n");
  plan["file"] = file.string();
  plan["sets"] = std::vector<std::string>{};
  write_atomic(scene.workspace.root / "experiments/quick/plan.json", plan.dump());
  CHECK(scene.xp({"retry", "seed=4"}).exit_code == Exit::kSpec);  // it was read, and is wrong
}

}  // namespace
}  // namespace xp
