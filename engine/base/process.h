// Processes: the one place that starts programs, and programs that are run to their end.
#pragma once

#include "engine/base/environment.h"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace xp {

/// What a process does before it becomes its program.
struct ProcessSetup {
  /// Ctrl-C of the terminal, and signals to our group, do not reach it.
  bool leads_group = false;
  /// Ranks ignore the SIGUSR1 that schedulers send to every process of a job.
  bool ignores_usr1 = false;
  std::vector<int> cores;  ///< processors it may use; empty = any
  /// Standard output and error are appended to this file; empty: see `output` and `errors`.
  std::filesystem::path log;
  int output = -1, errors = -1;  ///< descriptors; -1: what is written is lost
};

/// A program to be started (no shell). Its standard input is empty, and it dies with this process.
struct NewProcess {
  std::vector<std::string> command;
  std::optional<Environment> environment;  ///< all of it; not set: this process's
  std::filesystem::path folder;            ///< where it starts; empty: here
  int inherited = -1;                      ///< a descriptor that it keeps, besides those of `setup`
  ProcessSetup setup;
};

/// Starts it. A program that cannot be run ends with 127 and says why on its standard error. Raises
/// kMachine if no process can be made. Cost: vfork, so that what this process has in memory does
/// not matter.
pid_t start_process(const NewProcess& process);

/// In a process that was forked from `parent`: what ProcessSetup says. Only calls that are safe
/// between fork and exec.
void prepare_child(const ProcessSetup& setup, pid_t parent);

/// As a shell has it: 128 + signal if a signal ended it. `status` is that of wait(2).
int exit_code_of(int status);

struct Finished {
  int exit_code = 0;   ///< exit_code_of; 127 if it could not be started
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// Starts a process, waits for its end and captures what it writes; `setup` is its own.
Finished run_program(const NewProcess& process);
/// The same with this environment, in `folder`.
Finished run_program(const std::vector<std::string>& command,
                     const std::filesystem::path& folder = ".");

/// The path of a program on PATH, or "".
std::string find_program(const std::string& name);

/// A TCP port on 127.0.0.1 that nobody listens on at the moment. Raises kMachine if there is none.
int free_port();

}  // namespace xp
