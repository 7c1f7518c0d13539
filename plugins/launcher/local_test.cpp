// Ranks as processes: their environment, their end, the end of their parent.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "registry/launcher.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <csignal>

namespace xp {
namespace {

struct Ranks {
  LaunchEnd run(
      const std::string& script, std::function<bool()> stop = [] { return false; }) {
    LaunchJob job;
    job.command = {"/bin/sh", "-c", script};
    job.log_folder = folder.path();
    job.nodes = 2;
    job.ranks_per_node = 2;
    return make_part<Launcher>({{"use", "local"}})
        ->run(
            job, [this] { ++ticks; }, stop);
  }
  std::string log(int rank) const {
    return read_file(folder.path() / fmt::format("rank-{}.log", rank));
  }
  TempFolder folder;
  int ticks = 0;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST_CASE("each rank has its place in its environment and a log of its own") {
  Ranks ranks;
  CHECK(ranks
            .run("echo $XP_RANK $XP_NODES $XP_RANKS_PER_NODE $XP_THREADS $OMP_NUM_THREADS; "
                 "echo ${XP_RENDEZVOUS%:*} >&2")
            .ok);
  CHECK(ranks.log(0) == "0 2 2 1 1\n127.0.0.1\n");
  CHECK(ranks.log(3) == "3 2 2 1 1\n127.0.0.1\n");
  const Value record = Value::parse(read_file(ranks.folder.path() / "launcher.json"));
  CHECK(record["pids"].size() == 4);
}

TEST_CASE("one rank's failure ends the others and is told with its last line") {
  Ranks ranks;
  const auto start = std::chrono::steady_clock::now();
  const LaunchEnd end = ranks.run(
      "test $XP_RANK = 2 && { echo first; echo 'no space left'; exit 1; }; exec sleep 60");
  CHECK_FALSE(end.ok);
  CHECK(end.rank == 2);
  CHECK(end.exit_code == 1);
  CHECK(end.cause == "rank 2 ended with exit code 1: no space left");
  CHECK(seconds_since(start) < 4);
}

TEST_CASE("a rank that a signal ended is told as such") {
  Ranks ranks;
  const LaunchEnd end = ranks.run("test $XP_RANK = 1 && kill -9 $$; exec sleep 60");
  CHECK(end.exit_code == 128 + SIGKILL);
  CHECK(end.cause == "rank 1 was ended by signal 9 (Killed)");
}

TEST_CASE("a rank that ignores the request to end is killed") {
  Ranks ranks;
  const auto start = std::chrono::steady_clock::now();
  const LaunchEnd end = ranks.run(
      "trap '' TERM; test $XP_RANK = 0 && { sleep 0.3; exit 1; }; while :; do sleep 0.2; done");
  CHECK(end.rank == 0);
  CHECK(seconds_since(start) < 9);
}

TEST_CASE("a stop ends all ranks, which may save first") {
  Ranks ranks;
  const LaunchEnd end = ranks.run("trap 'echo saved; exit 143' TERM; while :; do sleep 0.1; done",
                                  [&ranks] { return ranks.ticks > 3; });
  CHECK(end.cancelled);
  CHECK(ranks.log(0).ends_with("saved\n"));
}

TEST_CASE("a program that cannot be started is named") {
  Ranks ranks;
  LaunchJob job;
  job.command = {"/nowhere/engine"};
  job.log_folder = ranks.folder.path();
  const LaunchEnd end = make_part<Launcher>({{"use", "local"}})
                            ->run(
                                job, [] {}, [] { return false; });
  CHECK(end.cause ==
        "rank 0 ended with exit code 127: cannot start /nowhere/engine: No such file "
        "or directory");
}

}  // namespace
}  // namespace xp
