// The ranks of one node as processes of this machine: their environment, their end, and which of
// them was the first to fail.
#pragma once

#include "engine/launch/machine_use.h"
#include "registry/launcher.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace xp {

class Starter;

/// One rank's end.
struct RankEnd {
  int64_t rank = 0;
  bool ended = false;
  int exit_code = 0;  ///< 128 + signal if a signal ended it
  int64_t peak_memory_bytes = 0;
  double cpu_seconds = 0;
};

/// The ranks `first` .. `first + job.ranks_per_node * here - 1` of a job, where `here` nodes of its
/// topology are on this machine.
class Ranks {
 public:
  struct Part {
    int64_t first_node = 0, num_nodes = 1;  ///< of the topology, on this machine
    std::string rendezvous;                 ///< host:port of rank 0
    std::string key = {};  ///< the run's secret; empty: in this process's environment already
    int channel = -1;      ///< a descriptor that rank 0 keeps under its number; -1: none
  };

  /// Starts them. Raises kMachine; then none is left.
  Ranks(const LaunchJob& job, const Part& part, std::shared_ptr<Starter> starter);
  /// Kills those that are left.
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  /// How they ended, once all have. When one fails the others are asked to end and killed after
  /// five seconds: they only wait in a collective.
  std::optional<LaunchEnd> poll();
  /// Asks all to save and end; those that have not after a minute are killed.
  void stop();
  int handle() const;
  const std::vector<RankEnd>& ranks() const { return ends_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool reap();
  void end_all(std::chrono::seconds grace);
  void send(int signal) const;
  const RankEnd* first_failure() const;
  LaunchEnd conclusion();

  std::shared_ptr<Starter> starter_;
  std::filesystem::path log_folder_;
  std::string host_;
  std::vector<RankEnd> ends_;
  std::vector<pid_t> pids_;
  MachineUse use_;
  int64_t memory_kills_;  ///< of this machine, when the ranks began
  bool has_failed_ = false, stopped_ = false, ending_ = false, was_killed_ = false;
  Clock::time_point deadline_ = Clock::time_point::max();
};

/// A job whose ranks are all processes of this machine, whatever its topology says. Rank 0 keeps
/// the descriptor `channel` under its number, unless it is -1.
std::unique_ptr<RunningJob> start_here(const LaunchJob& job, int channel = -1);

/// How much a rank's end says about what went wrong; 0: it did not fail. One that knew what was
/// wrong (kUserExit, kDivergedExit) says most, then one that a signal ended, and last those that
/// only lost their peer.
int blame_weight(int exit_code);

/// What the end of a rank means. `said` is the end of its log; `memory_kills`: how often this
/// machine's kernel killed for memory while it ran.
Outcome outcome_of(int exit_code, std::string_view said, int64_t memory_kills);

/// How often this machine's kernel has killed a process for memory since it booted; 0 if it does
/// not say.
int64_t memory_kills();

/// This machine's name, as `uname -n` prints it.
std::string host_name();

}  // namespace xp
