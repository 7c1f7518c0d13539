// Ranks as processes: their environment, their end, the end of their parent, and who is to blame.
#include "engine/launch/ranks.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/launch/channel.h"
#include "engine/launch/node.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

#include <chrono>
#include <csignal>
#include <poll.h>
#include <thread>
#include <unistd.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Scene {
  LaunchJob job(const std::string& script) const {
    LaunchJob out;
    out.name = "run";
    out.command = {"/bin/sh", "-c", script};
    out.log_folder = folder.path();
    out.nodes = 2;
    out.ranks_per_node = 2;
    return out;
  }
  LaunchEnd run(const std::string& script, int stop_after_ms = 0) const {
    const auto running = start_here(job(script));
    const auto start = std::chrono::steady_clock::now();
    while (true) {
      if (const auto end = running->poll()) return *end;
      const auto age = std::chrono::steady_clock::now() - start;
      if (stop_after_ms > 0 && age > std::chrono::milliseconds(stop_after_ms)) running->stop();
      pollfd news{running->handle(), POLLIN, 0};
      ::poll(&news, 1, 50);
    }
  }
  std::string log(int rank) const {
    return read_file(folder.path() / fmt::format("rank-{}.log", rank));
  }
  TempFolder folder;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("a cluster that emulates links sets them before the ranks of a job start") {
  const Scene scene;
  const fs::path said = scene.folder.path() / "said", program = scene.folder.path() / "set";
  write_atomic(program, "#!/bin/sh\necho \"$*\" >> " + said.string() + "\n");
  fs::permissions(program, fs::perms::owner_all);
  auto job = scene.job("true");
  job.links = {"100mbit", "", 2.5};
  CHECK_THROWS_WITH(start_here(job),
                    "only an emulated cluster (scripts/cluster.sh) can run with [launch.links]; "
                    "`xp plan` and `xp replay` predict without one");
  ::setenv("XP_SET_LINKS", program.c_str(), 1);
  const auto running = start_here(job);
  while (!running->poll())
    ::usleep(1000);
  CHECK(scene.run("true").outcome == Outcome::kDone);  // a job that says nothing of links
  ::unsetenv("XP_SET_LINKS");
  CHECK(read_file(said) == "_links 100mbit 2.5\n_links none 0\n");
  job.links = {"", "1gbit", 0};
  CHECK_THROWS_WITH(start_here(job),
                    "'in_node' in [launch.links] is for predictions: nothing here limits links in "
                    "a node");
}

TEST_CASE("each rank has its place in its environment and a log of its own") {
  const Scene scene;
  const LaunchEnd end = scene.run(
      "echo $XP_RANK $XP_NODES $XP_RANKS_PER_NODE $XP_THREADS $OMP_NUM_THREADS; "
      "echo ${XP_RENDEZVOUS%:*} >&2");
  CHECK(end.outcome == Outcome::kDone);
  CHECK(end.cause.empty());
  CHECK(scene.log(0) == "0 2 2 1 1\n127.0.0.1\n");
  CHECK(scene.log(3) == "3 2 2 1 1\n127.0.0.1\n");
}

TEST_CASE("all ranks of a run have its key in their environment, and the next run has another") {
  const Scene first, second;
  CHECK(first.run("echo $XP_KEY").outcome == Outcome::kDone);
  CHECK(second.run("echo $XP_KEY").outcome == Outcome::kDone);
  CHECK(first.log(0).size() == 33);
  CHECK(first.log(3) == first.log(0));
  CHECK(second.log(0) != first.log(0));
}

TEST_CASE("one rank's failure ends the others and is told with its last line") {
  const Scene scene;
  const auto start = std::chrono::steady_clock::now();
  const LaunchEnd end = scene.run(
      "test $XP_RANK = 2 && { echo first; echo 'no space left'; exit 1; }; exec sleep 60");
  CHECK(end.outcome == Outcome::kMachine);
  CHECK(end.rank == 2);
  CHECK(end.exit_code == 1);
  CHECK(end.host == host_name());
  CHECK(end.cause == "rank 2 ended with exit code 1: no space left");
  CHECK(seconds_since(start) < 4);
}

TEST_CASE("a message with a page of stack frames is understood, and cut for tables") {
  const Scene scene;
  const LaunchEnd end = scene.run(
      "test $XP_RANK = 0 || exec sleep 60; printf \"xp-engine: can't allocate memory: \"; "
      "head -c 9000 /dev/zero | tr '\\0' f; echo; exit 70");
  CHECK(end.outcome == Outcome::kMemory);
  CHECK(end.cause.starts_with(
      "rank 0 ended with exit code 70: xp-engine: can't allocate memory: fff"));
  CHECK(end.cause.ends_with("fff ..."));
  CHECK(end.cause.size() < 600);
}

TEST_CASE("a rank that a signal ended is told as such") {
  const Scene scene;
  const LaunchEnd end = scene.run("test $XP_RANK = 1 && kill -9 $$; exec sleep 60");
  CHECK(end.exit_code == 128 + SIGKILL);
  CHECK(end.cause == "rank 1 was ended by signal 9 (Killed)");
}

TEST_CASE("the rank that crashed is blamed, not those that lost their peer") {
  const Scene scene;
  const LaunchEnd end =
      scene.run("if test $XP_RANK = 3; then sleep 0.2; kill -SEGV $$; fi; sleep 0.25; exit 1");
  CHECK(end.rank == 3);
  CHECK(end.outcome == Outcome::kBug);
}

TEST_CASE("a rank that ignores the request to end is killed") {
  const Scene scene;
  const auto start = std::chrono::steady_clock::now();
  const LaunchEnd end = scene.run(
      "trap '' TERM; test $XP_RANK = 0 && { sleep 0.3; exit 1; }; while :; do sleep 0.2; done");
  CHECK(end.rank == 0);
  CHECK(seconds_since(start) < 9);
}

TEST_CASE("a stop lets all ranks save, and is no failure") {
  const Scene scene;
  const LaunchEnd end =
      scene.run("trap 'echo saved; exit 143' TERM; while :; do sleep 0.05; done", 200);
  CHECK(end.outcome == Outcome::kStopped);
  CHECK(end.cause.empty());
  CHECK(scene.log(3) == "saved\n");
}

TEST_CASE("ranks that end well although they were asked to stop are done") {
  const Scene scene;
  const LaunchEnd end = scene.run("trap 'exit 0' TERM; while :; do sleep 0.05; done", 200);
  CHECK(end.outcome == Outcome::kDone);
}

TEST_CASE("the most memory that a rank used is known") {
  const Scene scene;
  CHECK(scene.run("true").peak_memory_bytes > 100'000);
}

TEST_CASE("the processor time of all ranks is known") {
  const Scene scene;
  const double idle = scene.run("true").cpu_seconds;
  const double busy = scene.run("i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done").cpu_seconds;
  CHECK(busy > idle);
}

TEST_CASE("an interface that a person named is one that is there and leads to the other nodes") {
  const auto problem = [](const std::string& name, const std::string& host) -> std::string {
    try {
      check_interface(name, host);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(problem("lo", "localhost") == "");
  CHECK(
      problem("ib7", "localhost")
          .starts_with(
              "there is no network interface 'ib7', which [launch] interface names; there are: "));
}

TEST_CASE("ranks are killed with the object that watches over them") {
  const Scene scene;
  {
    const auto running = start_here(scene.job("echo $$; exec sleep 60"));
    for (int rank = 0; rank < 4; ++rank) {
      while (!fs::exists(scene.folder.path() / fmt::format("rank-{}.log", rank)) ||
             scene.log(rank).find('\n') == std::string::npos)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  for (int rank = 0; rank < 4; ++rank)
    CHECK(::kill(static_cast<pid_t>(std::stol(scene.log(rank))), 0) != 0);
}

TEST_CASE("a program that cannot be started says so in the log and is the machine's failure") {
  const Scene scene;
  LaunchJob job = scene.job("");
  job.command = {"/nowhere/engine"};
  job.nodes = job.ranks_per_node = 1;
  const auto running = start_here(job);
  std::optional<LaunchEnd> end;
  while (!(end = running->poll()))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(end->outcome == Outcome::kMachine);
  CHECK(end->cause ==
        "rank 0 ended with exit code 127: cannot start /nowhere/engine: No such file or directory");
}

TEST_CASE("ends of ranks are classed by code, words and what the kernel did") {
  CHECK(outcome_of(0, "", 0) == Outcome::kDone);
  CHECK(outcome_of(3, "out of memory", 0) == Outcome::kUser);
  CHECK(outcome_of(1, "xp-engine: rank 1 no longer answers", 0) == Outcome::kMachine);
  CHECK(outcome_of(1, "DefaultCPUAllocator: not enough memory: you tried to allocate", 0) ==
        Outcome::kMemory);
  CHECK(outcome_of(1, "CUDA out of memory. Tried to allocate 2 GiB", 0) == Outcome::kMemory);
  CHECK(outcome_of(134, "what():  std::bad_alloc", 0) == Outcome::kMemory);
  CHECK(outcome_of(137, "", 1) == Outcome::kMemory);
  CHECK(outcome_of(137, "", 0) == Outcome::kMachine);
  CHECK(outcome_of(139, "", 0) == Outcome::kBug);
  CHECK(outcome_of(134, "broken invariant", 0) == Outcome::kBug);
  CHECK(outcome_of(70, "", 0) == Outcome::kBug);
  CHECK(outcome_of(135, "", 0) == Outcome::kMachine);
  CHECK(outcome_of(127, "", 0) == Outcome::kMachine);
}

TEST_CASE("rank 0 keeps the descriptor that it is to talk through, the others do not") {
  const Scene scene;
  auto [here, there] = Channel::open();
  const auto running = start_here(
      scene.job("test $XP_RANK = 0 || { { echo x >&" + std::to_string(there.get()) +
                "; } 2>/dev/null && exit 4 || exit 0; }; echo 7 >&" + std::to_string(there.get())),
      there.get());
  there = Descriptor();
  CHECK(here.receive(std::chrono::minutes(1)) == Value(7));
  CHECK_FALSE(here.receive(std::chrono::minutes(1)));
  CHECK(here.has_ended());
  while (!running->poll())
    ::usleep(1000);
  CHECK(running->poll()->outcome == Outcome::kDone);
}

TEST_CASE("each node starts its own ranks, and the first real cause is told for all") {
  const Scene scene;
  LaunchJob job = scene.job(
      "echo $XP_RANK $XP_RENDEZVOUS; test $XP_RANK = 2 && { echo bad settings; exit 3; }; "
      "sleep 0.5; exit 1");
  job.interface = "lo";
  const fs::path file = write_node_job(job, {"localhost", "localhost"}, 4711);
  {
    std::jthread first([&] { run_node(file, 0, "", [] { return false; }); });
    std::jthread second([&] { run_node(file, 1, "n1", [] { return false; }); });
  }
  CHECK(scene.log(1) == "1 localhost:4711\n");
  const auto end = end_of_nodes(job);
  REQUIRE(end);
  CHECK(end->outcome == Outcome::kUser);
  CHECK(end->rank == 2);
  CHECK(end->host == "n1");
  CHECK(end->cause == "rank 2 ended with exit code 3: bad settings");
}

TEST_CASE("a node without a record is not taken for done") {
  const Scene scene;
  LaunchJob job = scene.job("true");
  job.interface = "lo";
  CHECK_FALSE(end_of_nodes(job));
  const fs::path file = write_node_job(job, {"localhost", "localhost"}, 4711);
  run_node(file, 0, "", [] { return false; });
  CHECK(silent_nodes(job) == std::vector<int64_t>{1});
  CHECK(end_of_nodes(job)->outcome == Outcome::kMachine);
  CHECK(end_of_nodes(job)->cause == "node 1 left no record of its ranks");
  run_node(file, 1, "", [] { return false; });
  CHECK(end_of_nodes(job)->outcome == Outcome::kDone);
}

TEST_CASE("what nodes of one machine do to each other is no other load") {
  const TempFolder folder;
  const auto record = [&](int node, double other_load, double own_load, const char* boot,
                          double seconds = 20) {
    const Value one = {{"outcome", "done"},  {"rank", -1},
                       {"exit_code", 0},     {"host", "n"},
                       {"cause", ""},        {"peak_memory_bytes", 1},
                       {"cpu_seconds", 5.0}, {"other_load", other_load},
                       {"energy_j", 7.0},    {"boot", boot},
                       {"seconds", seconds}, {"own_load", own_load}};
    write_atomic(folder.path() / fmt::format("node-{}.json", node), one.dump());
  };
  LaunchJob job;
  job.log_folder = folder.path();
  job.nodes = 2;
  record(0, 0.5, 0.25, "a");
  record(1, 0.25, 0.5, "a");
  CHECK(end_of_nodes(job)->other_load == 0);
  CHECK(end_of_nodes(job)->energy_j == 7);
  CHECK(end_of_nodes(job)->cpu_seconds == 10);
  record(1, 0.25, 0.25, "a");
  CHECK(end_of_nodes(job)->other_load == 0.25);
  record(1, 0, 0.25, "a", 10);  // beside node 0 for half of its time
  CHECK(end_of_nodes(job)->other_load == 0.375);
  record(1, 0.25, 0.5, "b");
  CHECK(end_of_nodes(job)->other_load == 0.5);
  CHECK(end_of_nodes(job)->energy_j == 14);
  record(0, -1, 0.5, "a");
  record(1, -1, 0.5, "a");
  CHECK(end_of_nodes(job)->other_load < 0);
}

TEST_CASE("a node that is asked to stop says that its ranks were stopped") {
  const Scene scene;
  LaunchJob job = scene.job("trap 'exit 143' TERM; while :; do sleep 0.05; done");
  job.interface = "lo";
  job.nodes = 1;
  int asked = 0;
  run_node(write_node_job(job, {"localhost"}, 1), 0, "", [&] { return ++asked > 2; });
  CHECK(end_of_nodes(job)->outcome == Outcome::kStopped);
}

TEST_CASE("the way to this machine itself is the loopback, to nowhere an error") {
  CHECK(interface_to("127.0.0.1") == "lo");
  CHECK_THROWS_AS(interface_to("no-such-host.invalid"), Error);
}
