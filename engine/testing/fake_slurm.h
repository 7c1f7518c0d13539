// Slurm's commands as shell scripts that say what a test wants, first on PATH.
#pragma once

#include "engine/base/file.h"
#include "engine/base/text.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace xp {

/// While it lives, PATH has only its commands and the system's shell tools. A command that the test
/// did not script complains and ends with 99.
class FakeSlurm {
 public:
  FakeSlurm() : path_(std::getenv("PATH")) {
    fs::create_directories(bin());
    fs::create_directories(folder_.path() / "tools");
    for (const char* tool : {"sh", "cat", "env", "sleep", "rm", "mkdir"})
      fs::create_symlink(fs::path("/bin") / tool, folder_.path() / "tools" / tool);
    const std::string tools = (folder_.path() / "tools").string();
    ::setenv("PATH", (bin().string() + ":" + tools).c_str(), 1);
    for (const char* command :
         {"sbatch", "squeue", "scontrol", "sacct", "scancel", "sinfo", "srun"})
      on(command, fail(99, fmt::format("the test has no answer of {}", command)));
  }
  ~FakeSlurm() { ::setenv("PATH", path_.c_str(), 1); }
  FakeSlurm(const FakeSlurm&) = delete;
  FakeSlurm& operator=(const FakeSlurm&) = delete;

  const fs::path& folder() const { return folder_.path(); }

  /// What the first, second, ... call of a command does, as lines of shell; the last one stays.
  void in_turn(const std::string& command, const std::vector<std::string>& bodies) {
    const fs::path count = folder_.path() / (command + ".count");
    fs::remove(count);
    std::string script = fmt::format(
        "#!/bin/sh\necho \"{0} $*\" >> {1}\nn=0; test -f {2} && n=$(cat {2})\n"
        "echo $((n + 1)) > {2}\ncase $n in\n",
        command, calls_file().string(), count.string());
    for (size_t i = 0; i < bodies.size(); ++i)
      script +=
          fmt::format("{})\n{}\n;;\n",
                      i + 1 == bodies.size() ? std::string("*") : std::to_string(i), bodies[i]);
    const fs::path file = bin() / command;
    std::ofstream(file) << script << "esac\n";
    fs::permissions(file, fs::perms::owner_all);
  }
  /// What each call of a command does.
  void on(const std::string& command, const std::string& body) {
    in_turn(command, std::vector<std::string>{body});
  }
  /// Takes a command off PATH.
  void without(const std::string& command) { fs::remove(bin() / command); }

  static std::string say(const std::string& lines) { return "cat <<'END'\n" + lines + "\nEND"; }
  static std::string fail(int code, const std::string& words) {
    return fmt::format("echo '{}' >&2; exit {}", words, code);
  }

  /// The calls so far, "squeue -h --me ..."; only those of `command` unless that is empty.
  std::vector<std::string> calls(const std::string& command = "") const {
    std::vector<std::string> out;
    if (!fs::exists(calls_file())) return out;
    for (const auto& line : split(trim(read_file(calls_file())), '\n')) {
      if (command.empty() || line.starts_with(command + " ")) out.push_back(line);
    }
    return out;
  }

 private:
  fs::path bin() const { return folder_.path() / "bin"; }
  fs::path calls_file() const { return folder_.path() / "calls"; }
  TempFolder folder_;
  std::string path_;
};

}  // namespace xp
