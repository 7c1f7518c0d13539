// Starting the processes of ranks, and waiting for their end.
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

class Starter {
 public:
  virtual ~Starter() = default;
  /// As start_process.
  virtual pid_t start(const NewProcess& process) = 0;
  /// The end of a process that `start` made, once; never waits.
  virtual std::optional<ProcessEnd> poll(pid_t pid) = 0;
  /// Becomes readable when one may have ended; -1 if the caller must poll.
  virtual int handle() const = 0;
};

/// Starts by fork and exec; fork_server.h has one that is faster.
std::shared_ptr<Starter> make_exec_starter();

/// How a process ended, by wait4(2).
ProcessEnd process_end(int status, const rusage& used);

}  // namespace xp
