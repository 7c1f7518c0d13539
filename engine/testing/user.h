// The programs as a person has them: `xp` of this build, in the source folder, on a workspace of
// its own.
#pragma once

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/value.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xp {

/// The folder that holds xp and xp-engine.
inline fs::path build_folder() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path();
}

inline std::string xp_program() {
  return (build_folder() / "xp").string();
}

/// A program that runs while the test continues. Its end, or that of the test, kills it.
class Background {
 public:
  /// Both outputs are appended to `log`.
  explicit Background(const std::vector<std::string>& command, const fs::path& log = "/dev/null") {
    std::vector<char*> words;
    for (const auto& word : command)
      words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() { kill(SIGKILL); }

  /// The exit code, 128 + signal if a signal ended it; nothing while it works.
  std::optional<int> poll() {
    int status = 0;
    if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
  }
  /// Sends a signal and waits for the end.
  int kill(int signal) {
    if (!poll()) ::kill(pid_, signal);
    while (!poll())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return *exit_code_;
  }

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

struct User {
  TempFolder folder;
  fs::path workspace = folder.path() / "ws";

  User() {
    if (!fs::exists(build_folder() / "xp-engine")) SKIP("built without xp-engine");
  }
  std::vector<std::string> command(const std::vector<std::string>& words) const {
    std::vector<std::string> out = {xp_program()};
    out.insert(out.end(), words.begin(), words.end());
    out.insert(out.end(), {"--workspace", workspace.string()});
    return out;
  }
  Finished xp(const std::vector<std::string>& words) const { return run_program(command(words)); }

  /// The folders of all trainings and evaluations.
  std::vector<fs::path> runs() const {
    std::vector<fs::path> out;
    for (const char* kind : {"trainings", "evaluations"}) {
      if (!fs::exists(workspace / kind)) continue;
      for (const auto& entry : fs::directory_iterator(workspace / kind))
        out.push_back(entry.path());
    }
    return out;
  }

  /// Every figure that must not depend on when a run was interrupted: scores, losses, bytes; not
  /// times. Fails the test if a run is not done.
  Value figures() const {
    Value out = Value::object();
    for (const auto& run : runs()) {
      const Status status = read_status(run);
      REQUIRE(status.state == State::kDone);
      for (const auto& [name, value] : status.summary.items()) {
        const bool timed = name.ends_with("seconds") || name.ends_with("_ms") ||
                           name.ends_with("per_second") || name == "memory_bytes";
        if (!timed) out[run.filename().string()][name] = value;
      }
    }
    return out;
  }

  size_t count(const std::function<bool(const std::string& name)>& counts) const {
    size_t found = 0;
    if (!fs::exists(workspace)) return 0;
    std::error_code gone;  // files come and go while a run works
    for (fs::recursive_directory_iterator at(workspace, gone), end; at != end; at.increment(gone)) {
      if (counts(at->path().filename().string())) ++found;
    }
    return found;
  }
  size_t num_files(const std::string& beginning) const {
    return count([&](const std::string& name) { return name.starts_with(beginning); });
  }
  size_t num_half_written() const {
    return count([](const std::string& name) { return name.ends_with(".new"); });
  }
};

}  // namespace xp
