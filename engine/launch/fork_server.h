// A program that has loaded its libraries once and forks a process for each job: loading LibTorch
// takes a quarter of a second, forking a process that has it a few milliseconds.
//
// The two ends speak JSON over a socket pair that keeps messages apart:
//   -> {"command": [...], "environment": [...], "log": "...", "cores": [...]}
//   <- {"ready": true}    once, at the start
//   <- {"started": PID} or {"error": "..."}
//   <- {"ended": PID, "exit_code": 0, "peak_memory_bytes": 1, "cpu_seconds": 1}
#pragma once

#include "engine/launch/starter.h"

#include <memory>
#include <string>

namespace xp {

/// The word after which `PROGRAM serve SOCKET` is such a server.
inline constexpr const char* kServeWord = "serve";

/// The server's side: forks for every request; the child sets its environment and becomes
/// `run(count, words)`, whose result is its exit code. Returns when the other end is gone. Raises
/// kMachine if this process has started threads, which a fork would not have.
int serve_forks(int socket, int (*run)(int, char**));

/// Starts by fork from a process that has loaded the program in `command[0]` and started nothing
/// (the other end of `serve_forks`): the same one for the same program as long as this process
/// lives. Falls back to fork and exec if that process cannot be started.
std::shared_ptr<Starter> warm_starter(const std::string& program);

}  // namespace xp
