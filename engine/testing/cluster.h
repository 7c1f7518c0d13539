// An emulated Slurm cluster for one test: scripts/cluster.sh up in a folder of its own, and what
// can go wrong with a cluster as methods.
//
//   TEST_CASE("a job survives a dead node", "[cluster]") {
//     Cluster cluster;                       // two idle nodes; the test is skipped if that
//     cluster.run({"sbatch", "job.sh"});     // cannot be had, with the reason
//     cluster.kill_node(1);
//   }
//
// While a Cluster lives, Slurm's commands are first on this process's PATH, so that programs under
// test find them as on a login node. It goes down with the object, or with the process.
#pragma once

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/text.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xp {

class Cluster {
 public:
  using Words = std::vector<std::string>;

  /// `options` are further words of `scripts/cluster.sh up`. Installs Slurm's packages (for
  /// --accounting a database, too) if they are missing. Skips the test if this machine cannot
  /// do it, fails it if it should.
  explicit Cluster(const Words& options = {}) {
    const bool is_booked =
        std::find(options.begin(), options.end(), "--accounting") != options.end();
    skip_unless(script(is_booked ? Words{"install", "--accounting"} : Words{"install"}));
    Words words = {"up", "--with", std::to_string(::getpid())};
    words.insert(words.end(), options.begin(), options.end());
    skip_unless(script(words));
    set("PATH", (folder() / "bin").string() + ":" + path_);
    set("SLURM_CONF", (folder() / "etc" / "slurm.conf").string());
    set("CLUSTER_DIR", folder().string());
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster() {
    set("PATH", path_);
    ::unsetenv("SLURM_CONF");
    ::unsetenv("CLUSTER_DIR");
    script({"down"});
  }

  /// Configuration, spool and logs of the cluster; all nodes see it, as they see every folder.
  fs::path folder() const { return folder_.path() / "cluster"; }

  /// A program on the login node.
  Finished run(Words command) const {
    command.insert(command.begin(), "exec");
    return script(command);
  }
  /// What it prints, without white space around it. Fails the test if it ends with an error.
  std::string ask(const Words& command) const {
    const Finished finished = run(command);
    INFO(join(command, " ") << ": " << finished.errors);
    REQUIRE(finished.exit_code == 0);
    return std::string(trim(finished.output));
  }

  /// Power loss. Slurm is told at once: by itself it would find out after half a minute.
  void kill_node(int node) const { must({"kill-node", std::to_string(node), "--now"}); }
  /// Cuts the node off; its processes live on. Slurm finds out after half a minute.
  void unplug(int node) const { must({"unplug", std::to_string(node)}); }
  /// Boots a killed node, or repairs the cable of an unplugged one; in service when it returns.
  void restart_node(int node) const { must({"restart-node", std::to_string(node)}); }
  /// No new job goes to the node; what runs there continues.
  void drain(int node) const { must({"drain", std::to_string(node)}); }
  void resume(int node) const { must({"resume", std::to_string(node)}); }
  /// The controller hangs: commands of Slurm wait, time out and fail.
  void stall() const { must({"stall"}); }
  void unstall() const { must({"unstall"}); }

  /// Polls until it holds; false after `seconds`.
  static bool await(double seconds, const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return true;
  }

 private:
  static constexpr int kCannot = 77;  // cluster.sh: this machine is not made for it

  Finished script(Words words) const {
    words.insert(words.begin(), {"scripts/cluster.sh", "--dir", folder().string()});
    return run_program(words);
  }
  void must(const Words& words) const {
    const Finished finished = script(words);
    INFO(join(words, " ") << ": " << finished.errors);
    REQUIRE(finished.exit_code == 0);
  }
  static void skip_unless(const Finished& finished) {
    const std::string said(trim(finished.errors));
    if (finished.exit_code == kCannot) SKIP(said.substr(said.rfind('\n') + 1));
    INFO(said);
    REQUIRE(finished.exit_code == 0);
  }
  static void set(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), /*overwrite=*/1);
  }

  TempFolder folder_;
  std::string path_ = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
};

}  // namespace xp
