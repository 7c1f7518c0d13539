// The launcher `slurm`: its settings, and where it starts ranks.
#include "engine/base/file.h"
#include "engine/testing/message.h"
#include "registry/launcher.h"
#include "registry/settings.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace xp {
namespace {

Declaration slurm() {
  const AnyEntry& entry = find_entry("launcher", "slurm");
  return entry.describe(entry);
}

std::string wrong(const std::string& name, const Value& value) {
  for (const auto& setting : slurm().settings) {
    if (setting.name == "slurm." + name) return objection(setting, value);
  }
  return "no such setting";
}

// Variables that Slurm sets on a node, taken back at the end.
struct OnNode {
  explicit OnNode(const char* nodes) {
    ::setenv("SLURM_JOB_ID", "21", 1);
    ::setenv("SLURMD_NODENAME", "node0", 1);
    ::setenv("SLURM_JOB_NODELIST", nodes, 1);
  }
  ~OnNode() {
    for (const char* name : {"SLURM_JOB_ID", "SLURMD_NODENAME", "SLURM_JOB_NODELIST"})
      ::unsetenv(name);
  }
  OnNode(const OnNode&) = delete;
  OnNode& operator=(const OnNode&) = delete;
};

std::unique_ptr<Launcher> launcher() {
  return make_part<Launcher>({{"use", "slurm"}});
}

TEST_CASE("no setting of [launch.slurm] enters an id") {
  CHECK(slurm().settings.size() == 10);
  for (const auto& setting : slurm().settings) {
    CAPTURE(setting.name);
    CHECK(setting.name.starts_with("slurm."));
    CHECK(setting.scope == Scope::kInherit);  // from [launch]: kNone
  }
  CHECK(slurm().scope == Scope::kNone);
}

TEST_CASE("times are as sbatch takes them") {
  for (const char* time : {"12:00:00", "90", "90:30", "2-12", "2-12:30", "2-12:30:00"})
    CHECK(wrong("time", time) == "");
  CHECK(wrong("time", "12h") ==
        "is \"12h\"; must be as sbatch takes it: \"12:00:00\", \"2-12\" (days-hours) or \"90\" "
        "(minutes)");
  for (const char* time : {"", "12:00:00:00", "12:75:00", "-3", "2-"})
    CHECK(wrong("time", time) != "");
}

TEST_CASE("further lines are long options that leave a job one job") {
  CHECK(wrong("extra", Value::array({"--mem=64G", "--mail-type END"})) == "");
  CHECK(wrong("extra", Value::array({"--mem=64G", "#SBATCH --mem=1G"})) ==
        "is \"#SBATCH --mem=1G\"; must be a long option of sbatch, as \"--mem=64G\"; --array, "
        "--clusters, --test-only, --wait and --wrap would change what a job is");
  for (const char* line : {"--array=0-3", "--clusters=a", "--wait", "-M a", "--mem=1G\necho hi"})
    CHECK(wrong("extra", Value::array({line})) != "");
}

TEST_CASE("retries and packs are the launcher's") {
  const auto made = make_part<Launcher>({{"use", "slurm"}, {"slurm", {{"pack", 8}}}});
  CHECK(made->retries() == 2);
  CHECK(made->pack() == 8);
  CHECK(made->queue() != nullptr);
}

TEST_CASE("ranks start only inside a job") {
  CHECK_FALSE(launcher()->allocation());
  CHECK(message_of([] { launcher()->start({}); }) ==
        "not running inside a Slurm job; `xp run FILE` submits one that starts ranks");
}

TEST_CASE("a run that fits on the node has its ranks there, under Slurm's names") {
  const OnNode on_node("node0");
  const TempFolder folder;
  LaunchJob job;
  job.command = {"/bin/sh", "-c", "exit $XP_RANK"};
  job.log_folder = folder.path();
  job.nodes = 2;
  const auto running = launcher()->start(job);
  CHECK(running->place().job == "21");
  CHECK(running->place().hosts == std::vector<std::string>{"node0", "node0"});
  std::optional<LaunchEnd> end;
  while (!(end = running->poll()))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(end->rank == 1);
  CHECK(end->host == "node0");
}

}  // namespace
}  // namespace xp
