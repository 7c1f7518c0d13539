// How the processes of ranks come to be, and how one hears of their end.
#pragma once

#include "engine/base/process.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace xp {

struct ProcessEnd {
  int exit_code = 0;  ///< exit_code_of
  int64_t peak_memory_bytes = 0;
  double cpu_seconds = 0;
};

/// Starts the processes of ranks and hears of their end.
class Starter {
 public:
  virtual ~Starter() = default;
  /// As start_process.
  virtual pid_t start(const NewProcess& process) = 0;
  /// The end of a process that `start` made, once; never waits.
  virtual std::optional<ProcessEnd> poll(pid_t pid) = 0;
  /// Becomes readable when one may have ended; -1 if only asking helps.
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

}  // namespace xp
