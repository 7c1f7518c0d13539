// Kind `launcher`: starts the ranks of a run, here or inside an allocation, and submits jobs if
// runs go through a scheduler's queue.
//
// A launcher never decides what to run or what a failure means for the plan: engine/run does.
// No call waits: the caller has several runs under way.
#pragma once

#include "registry/outcome.h"
#include "registry/registry.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// How fast links are to be, on a cluster that emulates them; empty: as they are.
struct LinkLimits {
  std::string inter, in_node;  ///< "100mbit"
  double latency_ms = 0;       ///< added between nodes
};

/// What to start: `command` once per rank, with XP_RANK, XP_NODES, XP_RANKS_PER_NODE, XP_RENDEZVOUS
/// (host:port), XP_KEY (a secret), XP_THREADS, XP_TIMEOUT_S, XP_INTERFACE and XP_DEVICE (its place
/// among the ranks of its machine) in its environment.
struct LaunchJob {
  std::string name;
  std::vector<std::string> command;
  std::filesystem::path log_folder;  ///< rank-R.log (standard output and error) go here
  int64_t nodes = 1, ranks_per_node = 1, threads_per_rank = 1, timeout_s = 600;
  std::string host;        ///< what the scheduler calls this machine; empty: its own name
  std::string interface;   ///< empty: the one that leads to the first node
  std::vector<int> cores;  ///< processors the ranks may use; empty = all of this process
  std::vector<int> gpus;   ///< accelerators, by number; empty = all that are visible
  LinkLimits links{};
  bool warm = false;  ///< many such jobs follow: keep the program loaded between them
};

/// How the ranks of a job ended. `cause` is one sentence naming the rank, its exit code or signal,
/// and the last line it wrote; empty if all is well.
struct LaunchEnd {
  Outcome outcome = Outcome::kDone;
  int64_t rank = -1;  ///< the first rank that failed
  int exit_code = 0;  ///< of that rank; 128 + signal if a signal ended it
  std::string host;   ///< where that rank was
  std::string cause;
  int64_t peak_memory_bytes = 0;  ///< of the rank that used most; 0 = not known
  double cpu_seconds = 0;         ///< of all ranks; 0 = not known
  double other_load = -1;  ///< share of a machine's processors that other programs kept busy, of
                           ///< the machine with most; < 0: not known
  double energy_j = 0;     ///< of the machines meanwhile; 0 = not known
};

/// Where the ranks of a job are.
struct JobPlace {
  std::string job;                 ///< the scheduler's number, "" if there is none
  std::vector<std::string> hosts;  ///< in the order of the nodes
  std::string interface, rendezvous;
};

/// The ranks of one running job. Destroying it kills them.
struct RunningJob {
  virtual ~RunningJob() = default;
  virtual const JobPlace& place() const = 0;
  /// How they ended; nothing while any rank is alive. When one rank fails, the others are ended
  /// within seconds.
  virtual std::optional<LaunchEnd> poll() = 0;
  /// Asks all ranks to save and end; after a minute they are killed. Harmless when repeated.
  virtual void stop() = 0;
  /// Becomes readable when `poll` may have news; -1 if the caller must poll.
  virtual int handle() const { return -1; }
};

/// A job for a scheduler's queue: one process on the job's first node that works through runs.
struct BatchJob {
  std::string name;              ///< unique; the scheduler shows it
  std::filesystem::path folder;  ///< exists; script.sh and output.log go here
  std::vector<std::string> command;
  int64_t nodes = 1, ranks_per_node = 1, threads_per_rank = 1;
  std::vector<std::string> exclude;  ///< nodes to avoid
  /// More than 0: so many jobs in one call. Job K has the name NAME_K, the folder FOLDER_K (in
  /// `command`, too) and the number of the whole with _K behind it.
  int64_t count = 0;
};

/// What a scheduler says about a job; fields that it does not report are empty.
struct BatchState {
  /// kUnknown: the scheduler did not answer or does not know the job now; says nothing about it.
  enum class Phase { kUnknown, kPending, kRunning, kEnded };
  Phase phase = Phase::kUnknown;
  bool is_absent = false;     ///< kUnknown, and the scheduler answered: it knows no such job
  std::string id;             ///< the scheduler's number
  std::string state, reason;  ///< in its own words: "PENDING", "Priority"
  std::vector<std::string> hosts;
  std::string exit;  ///< "code:signal" of the job
  int64_t restarts = 0;
  bool is_stuck = false;  ///< pending for a reason that does not pass by itself
  /// Of a job that ended, from outside; kDone says only that the scheduler saw no failure. Of an
  /// absent one kCancelled: if it had not begun, somebody took it out of the queue.
  Outcome outcome = Outcome::kLost;
};

/// A scheduler's queue.
struct BatchQueue {
  virtual ~BatchQueue() = default;
  /// What this machine knows of the scheduler, for people: version and what there is; "" if it
  /// has none. Raises kMachine if the scheduler does not answer.
  virtual std::string about() const { return ""; }
  /// What keeps jobs of this shape from being accepted, with what to do; "" if nothing is known
  /// to. Starts nothing.
  virtual std::string problem(const BatchJob& job) const = 0;
  /// Puts a job into the queue; the scheduler's number. A job of that name that is already there is
  /// found, not doubled. Raises kUser if the scheduler refuses it (its words, what to change),
  /// kMachine if it cannot be reached: the job may have been taken all the same, and calling
  /// again with the same name is safe.
  virtual std::string submit(const BatchJob& job) = 0;
  /// Whether `submit` knows BatchJob::count. It then raises kUser if it cannot take so many at
  /// once: alone they may be taken.
  virtual bool takes_many() const { return false; }
  /// All jobs asked for (name -> number, which is "" if it is not known) in one go.
  virtual std::map<std::string, BatchState> poll(
      const std::map<std::string, std::string>& jobs) = 0;
  virtual void cancel(const std::string& id) = 0;
  /// From inside job `id`: end this process and start the job again later. Whether it was accepted.
  virtual bool requeue(const std::string& id) = 0;
};

/// Where this process stands inside an allocation of the launcher's scheduler.
struct Allocation {
  std::string id;                  ///< the scheduler's number
  int64_t restarts = 0;            ///< how often the job began again
  std::vector<std::string> hosts;  ///< this one first
  std::vector<int> gpus;           ///< of this host
};

struct Launcher {
  static constexpr const char* kKind = "launcher";
  virtual ~Launcher() = default;

  /// Starts all ranks. Raises kMachine if one cannot be started; then none is left.
  virtual std::unique_ptr<RunningJob> start(const LaunchJob& job) const = 0;

  /// The queue that runs go through; null if `start` is called from `xp run` itself.
  virtual std::unique_ptr<BatchQueue> queue() const { return nullptr; }
  /// Inside an allocation of `queue`, as its environment tells; nothing elsewhere.
  virtual std::optional<Allocation> allocation() const { return std::nullopt; }
  /// How many failures that may_retry() a run has before it counts as failed.
  virtual int64_t retries() const { return 0; }
  /// Runs that share one job of the queue; 0 or 1: each has its own.
  virtual int64_t pack() const { return 0; }
};

}  // namespace xp
