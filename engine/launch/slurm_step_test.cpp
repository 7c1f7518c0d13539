// Ranks on several nodes of a Slurm job: srun played by a script, nodes by their records.
#include "engine/launch/slurm_step.h"

#include "engine/testing/fake_slurm.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <poll.h>
#include <thread>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

std::optional<Allocation> inside(std::map<std::string, std::string> variables) {
  return allocation_from([&](const char* name) { return variables[name]; });
}

// The record that the agent of a node leaves.
std::string record(const std::string& outcome, int exit_code, const std::string& host,
                   const std::string& cause) {
  return fmt::format(
      "{{\"outcome\": \"{}\", \"rank\": 1, \"exit_code\": {}, \"host\": \"{}\", \"cause\": \"{}\", "
      "\"peak_memory_bytes\": 7, \"cpu_seconds\": 1.5, \"other_load\": 0.25, \"energy_j\": 40}}",
      outcome, exit_code, host, cause);
}

// A job of two nodes whose agents are played by `srun`.
struct Scene {
  FakeSlurm slurm;
  LaunchJob job;
  Allocation place{.id = "21", .hosts = {"localhost", "localhost"}, .gpus = {}};

  Scene() {
    job.nodes = 2;
    job.ranks_per_node = 2;
    job.log_folder = slurm.folder() / "attempt";
    fs::create_directories(job.log_folder);
  }
  fs::path record_of(int node) const { return job.log_folder / fmt::format("node-{}.json", node); }
  /// A line of shell by which a node leaves its record.
  std::string leave(int node, const std::string& text) const {
    return fmt::format("echo '{}' > {}", text, record_of(node).string());
  }
  void has(int node, const std::string& text) const { write_atomic(record_of(node), text); }

  LaunchEnd ends(const StepEnd& step) const { return end_of_step(job, {"node0", "node1"}, step); }
  std::unique_ptr<RunningJob> start() { return start_step({}, job, place, "/opt/xp"); }
};

LaunchEnd wait_for(RunningJob& running) {
  while (true) {
    if (auto end = running.poll()) return *end;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

const std::string kDone = record("done", 0, "", "");

TEST_CASE("an allocation is what Slurm says on a node") {
  const auto place = inside({{"SLURM_JOB_ID", "21"},
                             {"SLURM_JOB_NODELIST", "node[0-2]"},
                             {"SLURMD_NODENAME", "node1"},
                             {"SLURM_RESTART_COUNT", "2"},
                             {"SLURM_GPUS_ON_NODE", "2"}});
  REQUIRE(place);
  CHECK(place->id == "21");
  CHECK(place->restarts == 2);
  CHECK(place->hosts == Texts{"node1", "node0", "node2"});
  CHECK(place->gpus == std::vector<int>{0, 1});
}

TEST_CASE("an element of an array is known by its own number") {
  const auto place = inside({{"SLURM_JOB_ID", "24"},
                             {"SLURM_ARRAY_JOB_ID", "21"},
                             {"SLURM_ARRAY_TASK_ID", "3"},
                             {"SLURM_JOB_NODELIST", "node0"},
                             {"SLURMD_NODENAME", "node0"},
                             {"CUDA_VISIBLE_DEVICES", "2,3"},
                             {"SLURM_GPUS_ON_NODE", "2"}});
  REQUIRE(place);
  CHECK(place->id == "21_3");
  CHECK(place->gpus == std::vector<int>{2, 3});
}

TEST_CASE("a login node is in no allocation, nor is a shell of salloc on it") {
  CHECK_FALSE(inside({}));
  CHECK_FALSE(inside({{"SLURM_JOB_ID", "21"}, {"SLURM_JOB_NODELIST", "node0"}}));
}

TEST_CASE("srun starts one agent on each node, with the processors of its ranks") {
  Scene scene;
  scene.job.threads_per_rank = 4;
  CHECK(join(srun_command({.gres = "gpu:2"}, scene.job, {"node0", "node1"},
                          {"/opt/xp", "ranks", "/w/node-job.json"}),
             " ") ==
        "srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --nodelist=node0,node1 --cpus-per-task=8 "
        "--overlap --cpu-bind=none --mpi=none --input=none --wait=0 --kill-on-bad-exit=1 "
        "--gres=gpu:2 /opt/xp ranks /w/node-job.json");
}

TEST_CASE("nodes that all end well make a job that is done") {
  Scene scene;
  scene.slurm.on("srun", scene.leave(0, kDone) + "\n" + scene.leave(1, kDone));
  const auto running = scene.start();
  CHECK(running->place().job == "21");
  CHECK(running->place().interface == "lo");
  CHECK(running->place().hosts == Texts{"localhost", "localhost"});
  CHECK(running->place().rendezvous.starts_with("localhost:"));
  const LaunchEnd end = wait_for(*running);
  CHECK(end.outcome == Outcome::kDone);
  CHECK(end.peak_memory_bytes == 7);
  CHECK(end.cpu_seconds == 3);
  CHECK(end.other_load == 0.25);
  CHECK(end.energy_j == 80);
  CHECK(scene.slurm.calls("srun").at(0).ends_with(
      fmt::format(" /opt/xp ranks {}", (scene.job.log_folder / "node-job.json").string())));
}

TEST_CASE("the first cause is the rank's, not srun's") {
  Scene scene;
  scene.has(0, record("machine", 1, "node0", "rank 1 ended with exit code 1: connection reset"));
  scene.has(1, record("user", 3, "node1", "rank 3 ended with exit code 3: no such corpus"));
  const LaunchEnd end = scene.ends({1, "srun: error: node0: task 0: Killed\n"});
  CHECK(end.outcome == Outcome::kUser);
  CHECK(end.host == "node1");
  CHECK(end.cause == "rank 3 ended with exit code 3: no such corpus");
}

TEST_CASE("a node that srun says is lost is the cause, whatever its peers complain of") {
  Scene scene;
  scene.has(0, record("machine", 1, "node0", "rank 1 ended with exit code 1: connection reset"));
  const LaunchEnd end = scene.ends({143, "srun: error: Node failure on node1\n"});
  CHECK(end.outcome == Outcome::kMachine);
  CHECK(end.host == "node1");
  CHECK(end.cause == "node node1 was lost (rank 1 ended with exit code 1: connection reset)");
}

TEST_CASE("a node that leaves no record beside peers that lost it is the cause") {
  Scene scene;
  scene.has(0, record("machine", 1, "node0", "rank 1 ended with exit code 1: connection reset"));
  const LaunchEnd end = scene.ends({137, "srun: error: node1: task 1: Killed\n"});
  CHECK(end.outcome == Outcome::kMachine);
  CHECK(end.host == "node1");
  CHECK(end.cause ==
        "node node1 left no record of its ranks; srun ended with exit code 137: node1: task 1: "
        "Killed");
}

TEST_CASE("a node that we ended ourselves after a failure is not the cause") {
  Scene scene;
  scene.has(0, record("machine", 1, "node0", "rank 1 ended with exit code 1: no space left"));
  const LaunchEnd end = scene.ends({137, "", false, true});
  CHECK(end.host == "node0");
  CHECK(end.cause == "rank 1 ended with exit code 1: no space left");
}

TEST_CASE("a step over its memory is told by Slurm's daemon") {
  Scene scene;
  const LaunchEnd end = scene.ends(
      {1,
       "slurmstepd-node0: error: Detected 1 oom_kill event in StepId=21.0. Some of the step tasks "
       "have been OOM Killed.\nsrun: error: node0: task 0: Out Of Memory\n"});
  CHECK(end.outcome == Outcome::kMemory);
}

TEST_CASE("what ended a step from outside") {
  const Scene scene;
  const auto step = [&](const std::string& words) {
    return scene
        .ends({143,
               "slurmstepd: error: *** STEP 21.0 ON node0 CANCELLED AT "
               "2026-11-24T03:10:51" +
                   words + " ***\n"})
        .outcome;
  };
  CHECK(step(" DUE TO TIME LIMIT") == Outcome::kTimeLimit);
  CHECK(step(" DUE TO PREEMPTION") == Outcome::kPreempted);
  CHECK(step(" DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS") == Outcome::kMachine);
  CHECK(step(" DUE TO JOB REQUEUE") == Outcome::kStopped);
  CHECK(step("") == Outcome::kCancelled);
}

TEST_CASE("a step that was refused is the machine's, in srun's words") {
  Scene scene;
  scene.slurm.on("srun", FakeSlurm::fail(1,
                                         "srun: error: Unable to create step for job 21: Job/step "
                                         "already completing or completed"));
  const LaunchEnd end = wait_for(*scene.start());
  CHECK(end.outcome == Outcome::kMachine);
  CHECK(end.cause ==
        "node localhost left no record of its ranks; srun ended with exit code 1: Unable to create "
        "step for job 21: Job/step already completing or completed");
}

TEST_CASE("no node is to blame if srun does not reach the controller") {
  Scene scene;
  scene.slurm.on("srun", FakeSlurm::fail(1,
                                         "srun: error: Unable to confirm allocation for job 21: "
                                         "Socket timed out on send/recv operation"));
  const LaunchEnd end = wait_for(*scene.start());
  CHECK(end.outcome == Outcome::kMachine);
  CHECK(end.host == "");
  CHECK(end.cause ==
        "srun could not start the ranks: Unable to confirm allocation for job 21: Socket timed out "
        "on send/recv operation");
}

TEST_CASE("the end of a step that lost a node is told at once") {
  Scene scene;
  scene.slurm.on("srun", FakeSlurm::fail(143, "srun: error: Node failure on localhost"));
  const auto running = scene.start();
  pollfd news{running->handle(), POLLIN, 0};
  ::poll(&news, 1, -1);
  const auto end = running->poll();  // without waiting for records
  REQUIRE(end);
  CHECK(end->cause == "node localhost was lost");
}

TEST_CASE("a step that was cancelled together with this process was stopped, not cancelled") {
  Scene scene;
  scene.slurm.on("srun", FakeSlurm::fail(143,
                                         "slurmstepd-node0: error: *** STEP 21.0 ON node0 "
                                         "CANCELLED AT 2026-11-28T08:11:53 ***"));
  const auto running = scene.start();
  pollfd news{running->handle(), POLLIN, 0};
  ::poll(&news, 1, -1);
  CHECK_FALSE(running->poll());  // the scheduler's signal may be on its way
  running->stop();
  CHECK(wait_for(*running).outcome == Outcome::kStopped);
}

TEST_CASE("that srun has to wait for the step before is no failure") {
  Scene scene;
  scene.slurm.on("srun", "echo 'srun: Job 21 step creation temporarily disabled, retrying' >&2\n" +
                             scene.leave(0, kDone) + "\n" + scene.leave(1, kDone));
  CHECK(wait_for(*scene.start()).outcome == Outcome::kDone);
}

TEST_CASE("a stop reaches the agents through srun, and their ranks may save") {
  Scene scene;
  // The record has quotes of its own, so the script copies it.
  write_atomic(scene.job.log_folder / "stopped", record("stopped", 143, "", ""));
  const std::string copy = (scene.job.log_folder / "stopped").string();
  scene.slurm.on("srun",
                 fmt::format("trap 'cat {0} > {1}; cat {0} > {2}; exit 0' USR1\necho up > {3}\n"
                             "while :; do sleep 0.05; done",
                             copy, scene.record_of(0).string(), scene.record_of(1).string(),
                             (scene.job.log_folder / "up").string()));
  const auto running = scene.start();
  while (!fs::exists(scene.job.log_folder / "up"))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK_FALSE(running->poll());
  running->stop();
  running->stop();
  CHECK(wait_for(*running).outcome == Outcome::kStopped);
}

TEST_CASE("the end of the object ends srun, and with it the step") {
  Scene scene;
  const std::string up = (scene.job.log_folder / "up").string();
  const std::string down = (scene.job.log_folder / "down").string();
  scene.slurm.on("srun", fmt::format("trap 'echo down > {}; exit 143' TERM\necho up > {}\n"
                                     "while :; do sleep 0.05; done",
                                     down, up));
  {
    const auto running = scene.start();
    while (!fs::exists(up))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(fs::exists(down));
}

}  // namespace
}  // namespace xp
