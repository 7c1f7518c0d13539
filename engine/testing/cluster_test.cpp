// The emulated cluster behaves as Slurm's users know it; what rests on it is tested elsewhere.
#include "engine/testing/cluster.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

std::string state_of(const Cluster& cluster, const std::string& job) {
  const std::string told = cluster.ask({"scontrol", "show", "job", "-o", job});
  const size_t at = told.find("JobState=") + 9;
  return told.substr(at, told.find(' ', at) - at);
}

std::string submit(const Cluster& cluster, const std::string& script,
                   const std::vector<std::string>& options) {
  std::vector<std::string> words = {"sbatch", "--parsable", "--output=/dev/null"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"--wrap", script});
  return cluster.ask(words);
}

}  // namespace

TEST_CASE("a job runs on both nodes of an emulated cluster", "[cluster]") {
  const Cluster cluster;
  CHECK(cluster.ask({"sinfo", "-h", "-p", "main", "-o", "%N %t"}) == "node[0-1] idle");
  const std::string names = cluster.ask({"srun", "-N2", "--ntasks-per-node=2", "hostname"});
  auto lines = split(names, '\n');
  std::sort(lines.begin(), lines.end());
  CHECK(lines == std::vector<std::string>{"node0", "node0", "node1", "node1"});
  // Through the PATH, as a program under test would.
  CHECK(run_program({"squeue", "--noheader"}).exit_code == 0);
}

TEST_CASE("a killed node ends its job, and comes back", "[cluster]") {
  const Cluster cluster;
  const std::string job = submit(cluster, "sleep 60", {"-N2", "--no-requeue"});
  REQUIRE(Cluster::await(10, [&] { return state_of(cluster, job) == "RUNNING"; }));
  cluster.kill_node(1);
  CHECK(Cluster::await(10, [&] { return state_of(cluster, job) == "NODE_FAIL"; }));
  cluster.restart_node(1);
  CHECK(cluster.ask({"srun", "-w", "node1", "hostname"}) == "node1");
}

TEST_CASE("nodes can be drained, cables cut and the controller stalled", "[cluster]") {
  const Cluster cluster;
  cluster.drain(0);
  CHECK(cluster.ask({"srun", "hostname"}) == "node1");
  cluster.resume(0);
  const auto reaches = [&] {
    return cluster.run({"bash", "-c", "exec 3<>/dev/tcp/node1/6818"}).exit_code == 0;
  };
  CHECK(reaches());
  cluster.unplug(1);
  CHECK(cluster.run({"timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/node1/6818"}).exit_code ==
        124);
  cluster.restart_node(1);
  CHECK(reaches());
  cluster.stall();
  CHECK(cluster.run({"timeout", "2", "squeue"}).exit_code == 124);
  cluster.unstall();
  CHECK(cluster.run({"squeue"}).exit_code == 0);
}

TEST_CASE("a job in the lower partition gives way to one in the higher", "[cluster]") {
  const Cluster cluster;
  const std::string low = submit(cluster, "sleep 60", {"-N2", "--exclusive", "-p", "low"});
  REQUIRE(Cluster::await(10, [&] { return state_of(cluster, low) == "RUNNING"; }));
  const std::string high = submit(cluster, "sleep 1", {"-N2", "--exclusive", "-p", "main"});
  CHECK(Cluster::await(20, [&] { return state_of(cluster, high) == "COMPLETED"; }));
  CHECK(cluster.ask({"scontrol", "show", "job", "-o", low}).find("Restarts=1") !=
        std::string::npos);
}
