// How the processes of ranks come to be, and how one hears of their end.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace xp {

/// One process to be.
struct ProcessJob {
  std::vector<std::string> command;
  std::vector<std::string> environment;  ///< "NAME=value", all of it
  fs::path log;                          ///< standard output and error, appended
  std::vector<int> cores;                ///< processors it may use; empty = any
  bool hears_usr1 = false;  ///< ranks ignore the SIGUSR1 that schedulers send to every process
};

struct ProcessEnd {
  int exit_code = 0;  ///< 128 + signal where a signal ended it
  int64_t peak_memory_bytes = 0;
  double cpu_seconds = 0;
};

/// Starts processes that lead a process group of their own (Ctrl-C is for us, not for them), have
/// no input, and die with this process.
class Starter {
 public:
  virtual ~Starter() = default;
  /// Raises kMachine where no process can be made. A program that cannot be run ends with 127 and
  /// says why in its log.
  virtual pid_t start(const ProcessJob& job) = 0;
  /// The end of a process that `start` made, once; never waits.
  virtual std::optional<ProcessEnd> look(pid_t pid) = 0;
  /// Becomes readable when one may have ended; -1 where only asking helps.
  virtual int handle() const = 0;
};

/// By fork and exec.
std::shared_ptr<Starter> make_exec_starter();

/// By fork from a process that has loaded the program in `command[0]` and started nothing
/// (fork_server.h): the same one for the same program as long as this process lives. Falls back to
/// fork and exec where that process cannot be had.
std::shared_ptr<Starter> warm_starter(const std::string& program);

/// How a process ended, by wait4(2).
ProcessEnd process_end(int status, const rusage& used);

/// In a new process, between fork and what it is to be: group, death with `parent`, signals,
/// processors, input and log. Only calls that are safe there.
void settle_process(const char* log, pid_t parent, const std::vector<int>& cores);

}  // namespace xp
