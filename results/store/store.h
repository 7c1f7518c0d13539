// The store: what finished runs measured, as an index over the run folders that SQL can ask.
//
// The only place with SQL. Tables and views are described in database.cpp; `sqlite3 xp.db .schema`
// shows them with their comments, and the views runs_wide (one row per point) and seed_groups (one
// per point without its seed) answer most questions.
#pragma once

#include "results/runs/records.h"
#include "results/runs/workspace.h"
#include "results/store/fold.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace SQLite {
class Database;
}

namespace xp {

/// A finished run.
struct StoredRun {
  std::string id;
  RunKind kind = RunKind::kTraining;
  Status status;        ///< summary values that are no finite number are left out
  std::string machine;  ///< host, processor, devices and who shared them; "" if not recorded
  int64_t nodes = 0, ranks_per_node = 0;  ///< 0 if not recorded
};

/// How far an experiment has come, by its last plan.
struct ExperimentProgress {
  std::string experiment;
  int64_t points = 0, done = 0, failed = 0, started = 0;  ///< started: neither done nor failed
};

/// A point of any experiment.
struct ExperimentPoint {
  std::string experiment;
  ReportPoint point;
};

/// "3.40.1", of the SQLite library in use.
std::string sqlite_version();

class Store {
 public:
  /// Opens the index at `path`; creates it if it does not exist. Raises kMachine if it is of a
  /// newer version, damaged, locked or not writable.
  static Store open(const fs::path& path);
  /// An empty index in memory.
  static Store in_memory();
  /// The index of `workspace` with every run folded in. It is in memory if there is no workspace or
  /// the workspace cannot be written (it belongs to another user, or the disk is read-only); if
  /// only the index cannot be written, or the disk is full, a problem says so. `folded` gets what
  /// changed.
  static Store of(const Workspace& workspace, FoldResult& folded);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  /// Reads every training, evaluation and plan whose folder changed since the last time and drops
  /// those that are gone, in one transaction: idempotent, and equal to folding into an empty store.
  /// A run whose folder is damaged or half copied is a problem; what can be read of it is taken,
  /// and it is read again next time. One process folds at a time, others wait; readers never wait.
  /// Cost if nothing changed: one stat per run.
  FoldResult fold_in(const Workspace& workspace);

  /// All experiments by name.
  std::vector<ExperimentProgress> progress() const;
  std::optional<StoredRun> run(const std::string& id) const;
  /// All runs of `ids` that are here, by id.
  std::map<std::string, StoredRun> runs(const std::vector<std::string>& ids) const;
  /// The points of an experiment in the order of its plan; empty if it is unknown.
  std::vector<ReportPoint> points(const std::string& experiment) const;
  /// The points of all experiments, by experiment, in the order of their plans.
  std::vector<ExperimentPoint> all_points() const;
  /// Those that have any of these runs.
  std::vector<ExperimentPoint> points_with(const std::vector<std::string>& runs) const;
  /// Every axis of every experiment with each of its values.
  std::vector<std::pair<std::string, Value>> axes() const;
  /// The names of all figures that summaries of runs have, sorted.
  std::vector<std::string> summary_names() const;
  /// The ids of runs that started and are not done, sorted.
  std::vector<std::string> undone() const;
  std::vector<SubsetScore> scores(const std::string& evaluation) const;
  /// Each name, unit, direction and label that the scores of `evaluations` have, sorted; values
  /// are 0.
  std::vector<Score> score_kinds(const std::vector<std::string>& evaluations) const;
  /// One metric over the updates; NaN if it was not finite.
  std::vector<std::pair<int64_t, double>> series(const std::string& run,
                                                 const std::string& metric) const;
  /// All settings of a run as paths and texts, sorted.
  std::vector<std::pair<std::string, std::string>> settings(const std::string& run) const;
  /// A setting of a run, as it was given; nothing if the run has none of that path.
  std::optional<Value> setting(const std::string& run, const std::string& path) const;

  /// The names of the metrics that a run has over the updates, sorted.
  std::vector<std::string> series_names(const std::string& run) const;
  /// Where a run comes from, as dotted paths and texts, sorted.
  std::vector<std::pair<std::string, std::string>> provenance(const std::string& run) const;

  /// Runs one SELECT: `head` gets the names of its columns, then `row` the values of each row
  /// (null, integer, number or text). Raises kUser for text that is not SQL, and for SQL that
  /// writes.
  void query(const std::string& sql,
             const std::function<void(const std::vector<std::string>&)>& head,
             const std::function<void(const std::vector<Value>&)>& row);

  /// Every table as text in a fixed order, stamps left out: equal for equal content.
  std::string dump() const;

 private:
  Store(fs::path path, std::unique_ptr<SQLite::Database> database);

  fs::path path_;
  std::unique_ptr<SQLite::Database> database_;
};

}  // namespace xp
