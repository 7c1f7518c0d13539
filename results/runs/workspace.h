// The workspace: folders are the truth. One place that knows where each thing lies and what its
// files hold.
//
//   corpora/ID/          token files, vocabulary, statistics (engine/data writes them)
//   corpora/LOCK.toml    what is not pinned upstream
//   downloads/           fetched and unpacked upstream files
//   experiments/NAME/    spec.toml (as given), plan.json (the points and their ids)
//   trainings/ID/        spec.toml (resolved), provenance.json, status.json, lease, attempts/K/,
//                        checkpoints/, decodings/ (decodings.h)
//   evaluations/ID/      the same without checkpoints; hypotheses/SUBSET.DIRECTION.txt, scores.json
//   scores/HASH.txt      what programs said of sentences, by the content of all they were given;
//                        may be deleted
//   sources/SHA256.diff  code changes that runs were made with, by their hash
//   programs/ID/         xp, xp-engine and plug-ins that runs use, by hash (programs.h)
//   xp.db                an index of the folders, which can be made anew from them
//
// attempts/K/ holds events.jsonl, rank-R.log and launcher.json. A worker writes only its own
// folder.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace xp {

enum class RunKind { kTraining, kEvaluation };
inline constexpr RunKind kRunKinds[] = {RunKind::kTraining, RunKind::kEvaluation};
std::string_view kind_name(RunKind kind);  ///< "training", "evaluation"

/// The runs of a point.
struct RunIds {
  std::string training, evaluation;
  const std::string& of(RunKind kind) const {
    return kind == RunKind::kTraining ? training : evaluation;
  }
};

/// Names of places; makes nothing.
struct Workspace {
  fs::path root;

  /// The folder of all runs of a kind.
  fs::path runs(RunKind kind) const { return root / (std::string(kind_name(kind)) + "s"); }
  fs::path run(RunKind kind, const std::string& id) const { return runs(kind) / id; }

  /// The folders of all experiments, and of all jobs (attempts.h).
  fs::path experiments() const { return root / "experiments"; }
  fs::path jobs() const { return root / "jobs"; }

  fs::path database() const { return root / "xp.db"; }
  fs::path scores() const { return root / "scores"; }
  fs::path downloads() const { return root / "downloads"; }
  fs::path corpus_lock() const { return root / "corpora" / "LOCK.toml"; }
  fs::path corpus(const std::string& id) const { return root / "corpora" / id; }
  fs::path training(const std::string& id) const { return run(RunKind::kTraining, id); }
  fs::path evaluation(const std::string& id) const { return run(RunKind::kEvaluation, id); }
  fs::path experiment(const std::string& name) const { return experiments() / name; }
  fs::path source(const std::string& sha256) const { return root / "sources" / (sha256 + ".diff"); }
};

/// The workspace that the folder of a training or evaluation lies in.
inline Workspace workspace_of(const fs::path& run_folder) {
  return {run_folder.parent_path().parent_path()};
}

enum class State { kNew, kRunning, kDone, kFailed };
std::string_view state_name(State state);  ///< "new", "running", "done", "failed"

/// The content of status.json of a training or evaluation, replaced as a whole.
struct Status {
  State state = State::kNew;
  int64_t attempt = 0;   ///< the attempt that wrote it, from 1
  double started_s = 0;  ///< seconds since 1970, of this attempt
  double ended_s = 0;
  std::string cause;                ///< why it failed: one sentence
  Value summary = Value::object();  ///< metric name -> final number ("bleu", "step_ms",
                                    ///< "tokens_per_second", ...)
};

/// kNew if the folder has no status, or an empty one: the power failed before it was on the
/// disk. "running" without a live lease holder is reported as it is written; see `is_held`. Raises
/// kMachine if the file is damaged.
Status read_status(const fs::path& run_folder);
/// An end comes to the disk after the run's spec.toml, provenance.json and scores.json. What can be
/// found out again, that it runs, does not wait for the disk.
void write_status(const fs::path& run_folder, const Status& status);

/// RUN/spec.toml: the resolved settings of a run, and its ids.
fs::path spec_file(const fs::path& run_folder);

/// The right to work on a run: a lock on `lease` in its folder, which ends with the process that
/// holds it.
std::optional<FileLock> take_lease(const fs::path& run_folder);
FileLock wait_for_lease(const fs::path& run_folder);
/// Whether another process holds the lease now.
bool is_held(const fs::path& run_folder);

/// Asks whoever works on a run to end it, or not to begin it; taken back by `withdraw_cancel`.
/// `reason` completes "cancelled: ".
void ask_cancel(const fs::path& run_folder, const std::string& reason = "it left its experiment");
bool is_cancel_asked(const fs::path& run_folder);
std::string cancel_reason(const fs::path& run_folder);  ///< "" if nobody asked
void withdraw_cancel(const fs::path& run_folder);

/// The folder of the next attempt, made: attempts/K with K one above the highest. Files that an
/// earlier attempt left half-written are removed: the caller holds the lease.
fs::path next_attempt(const fs::path& run_folder);
/// The number that an attempt's folder is named by, 0 for any other folder.
int64_t attempt_number(const fs::path& attempt_folder);
/// The number of the highest attempt, 0 if there is none.
int64_t last_attempt(const fs::path& run_folder);

/// Appends one line to attempts/K/events.jsonl without waiting for the disk: `event` is "start",
/// "update", "validation", "checkpoint", "load", "memory", "note", "diverged" or "end"; `values`
/// are numbers by metric name (NaN and infinities become null). Those of "load" are lists by MoE
/// layer: the share of its rows, in percent, that came to each expert since the last one; that of
/// "memory" is a list by rank: the largest resident memory of each, in bytes.
class EventLog {
 public:
  explicit EventLog(fs::path attempt_folder);
  void write(const std::string& event, int64_t update, const Value& values);
  /// Waits until what was written is on the disk.
  void flush() const { flush_file(path_); }

 private:
  fs::path path_;
  double start_s_;
};

/// One line of events.jsonl.
struct Event {
  std::string event;
  int64_t update = 0;
  double seconds = 0;  ///< since the attempt began
  Value values;
};

/// The events from byte `offset` on, which is moved behind the last whole line; damaged lines are
/// left out.
std::vector<Event> read_events(const fs::path& attempt_folder, size_t& offset);

/// Seconds since 1970.
double now_s();

}  // namespace xp
