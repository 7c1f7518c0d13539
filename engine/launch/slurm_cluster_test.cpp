// The client against real daemons of Slurm: what scripts of a test cannot know.
#include "engine/base/shell.h"
#include "engine/launch/slurm.h"
#include "engine/launch/slurm_step.h"
#include "engine/testing/cluster.h"
#include "engine/testing/message.h"

namespace xp {
namespace {

using Phase = BatchState::Phase;

// A job of two nodes whose process writes down the signals it gets.
struct Queued {
  Cluster cluster;
  TempFolder folder;
  SlurmQueue queue{{.time = "10"}};
  BatchJob job;

  Queued() {
    job.name = "xp-a-1";
    job.folder = folder.path();
    job.nodes = 2;
    job.ranks_per_node = 2;
    job.command = {"/bin/sh", "-c",
                   "cd \"$0\"; echo $SLURM_JOB_ID $SLURM_RESTART_COUNT >> starts\n"
                   "trap 'echo usr1 >> signals' USR1; trap 'echo term >> signals; exit 0' TERM\n"
                   "echo $SLURM_JOB_NODELIST >> starts; while :; do sleep 0.1; done",
                   job.folder.string()};
  }
  BatchState state(const std::string& id) { return queue.poll({{job.name, id}}).at(job.name); }
  std::string text(const char* file) const {
    return fs::exists(job.folder / file) ? read_file(job.folder / file) : "";
  }
};

TEST_CASE("a job goes through Slurm's queue once, comes back and is cancelled", "[cluster]") {
  Queued it;
  CHECK(it.queue.problem(it.job) == "");
  it.job.exclude = {"node7.gone"};  // refused with it, so taken without
  const std::string id = it.queue.submit(it.job);
  CHECK(it.queue.submit(it.job) == id);
  CHECK(Cluster::await(10, [&] { return it.state(id).phase == Phase::kRunning; }));
  const BatchState running = it.state("");  // by its name
  CHECK(running.id == id);
  CHECK(running.hosts == std::vector<std::string>{"node0", "node1"});

  REQUIRE(Cluster::await(10, [&] { return it.text("starts").ends_with("]\n"); }));
  it.cluster.ask({"scancel", "--batch", "--signal=USR1", id});
  CHECK(Cluster::await(5, [&] { return it.text("signals") == "usr1\n"; }));
  CHECK(it.queue.requeue(id));
  CHECK(Cluster::await(10, [&] { return it.state(id).phase == Phase::kPending; }));
  CHECK_FALSE(it.state(id).is_stuck);
  CHECK(Cluster::await(40, [&] {
    return it.text("starts") == fmt::format("{0}\nnode[0-1]\n{0} 1\nnode[0-1]\n", id);
  }));

  it.queue.cancel(id);
  CHECK(Cluster::await(20, [&] { return it.state(id).phase == Phase::kEnded; }));
  const BatchState end = it.state(id);
  CHECK(end.outcome == Outcome::kCancelled);
  CHECK(end.restarts == 1);
  CHECK_FALSE(it.queue.requeue("4711"));
}

TEST_CASE("what Slurm refuses is told before it waits, and what nobody knows is no end",
          "[cluster]") {
  Queued it;
  it.job.nodes = 5;
  CHECK(it.queue.problem(it.job) ==
        "slurm refuses such jobs: Requested node configuration is not available; a job asks for 5 "
        "x 2 ranks with 1 processor each; `sinfo -o '%P %D %c %G'` shows what there is");
  it.job.nodes = 2;
  it.cluster.drain(1);
  CHECK(it.queue.problem(it.job) == "");
  CHECK(message_of([&] { SlurmQueue({.partition = "gpuu"}).submit(it.job); }) ==
        "slurm refuses job 'xp-a-1': invalid partition specified: gpuu; Invalid partition name "
        "specified; 'partition' in [launch.slurm] is 'gpuu'; known: main, low");
  const std::string id = it.queue.submit(it.job);
  const BatchState waiting = it.state(id);
  CHECK(waiting.phase == Phase::kPending);
  CHECK_FALSE(waiting.is_stuck);
  it.cluster.ask({"scontrol", "hold", id});
  CHECK(Cluster::await(10, [&] { return it.state(id).is_stuck; }));
  it.queue.cancel(id);
  CHECK(Cluster::await(10, [&] { return it.state(id).outcome == Outcome::kCancelled; }));
  const BatchState nobodys = it.queue.poll({{"xp-b-1", "4711"}}).at("xp-b-1");
  CHECK(nobodys.phase == Phase::kUnknown);
  CHECK(nobodys.is_absent);
}

TEST_CASE("the ranks of a step see the GPUs of their own node", "[cluster]") {
  const Cluster cluster({"--gpus", "2"});
  const TempFolder folder;
  LaunchJob job;
  job.nodes = 2;
  job.ranks_per_node = 2;
  const auto step = srun_command(
      {.gres = "gpu:2"}, job, {"node0", "node1"},
      {"/bin/sh", "-c",
       "echo $CUDA_VISIBLE_DEVICES > '" + folder.path().string() + "'/$SLURMD_NODENAME"});
  std::vector<std::string> quoted;
  for (const auto& word : step)
    quoted.push_back(shell_quoted(word));
  cluster.ask({"sbatch", "--wait", "--nodes=2", "--ntasks-per-node=2", "--gres=gpu:2",
               "--output=/dev/null", "--wrap", join(quoted, " ")});
  CHECK(read_file(folder.path() / "node0") == "0,1\n");
  CHECK(read_file(folder.path() / "node1") == "0,1\n");
}

}  // namespace
}  // namespace xp
