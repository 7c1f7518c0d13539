// Questions to the store.
#include "results/store/store.h"

#include "engine/base/json_text.h"
#include "results/store/database.h"
#include "results/store/fold.h"
#include "results/store/query.h"

#include <limits>
#include <set>
#include <unistd.h>

namespace xp {
namespace {

double number_or_nan(const SQLite::Column& column) {
  return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}

State stored_state(const std::string& name) {
  return name == state_name(State::kDone) ? State::kDone : State::kFailed;
}

std::vector<ExperimentPoint> points_where(const fs::path& path, SQLite::Database& database,
                                          const std::string& condition,
                                          const std::string& argument) {
  return with_database(path, [&] {
    std::vector<ExperimentPoint> out;
    SQLite::Statement rows(database,
                           "SELECT experiment, axes, training, evaluation, seed, name FROM points "
                           "WHERE " +
                               condition + " ORDER BY experiment, position");
    rows.bind(1, argument);
    while (rows.executeStep()) {
      ExperimentPoint& found = out.emplace_back();
      found.experiment = rows.getColumn(0).getString();
      const Value axes = Value::parse(rows.getColumn(1).getString());
      for (const auto& [key, value] : axes.items())
        found.point.axes[key] = value;
      if (!rows.isColumnNull(2))
        found.point.ids = {rows.getColumn(2).getString(), rows.getColumn(3).getString()};
      found.point.seed = rows.getColumn(4).getInt64();
      found.point.name = rows.getColumn(5).getString();
    }
    return out;
  });
}

// Two columns of a run's rows.
std::vector<std::pair<std::string, std::string>> pairs_of(const fs::path& path,
                                                          SQLite::Database& database,
                                                          const char* sql, const std::string& run) {
  return with_database(path, [&] {
    std::vector<std::pair<std::string, std::string>> out;
    SQLite::Statement rows(database, sql);
    rows.bind(1, run);
    while (rows.executeStep())
      out.emplace_back(rows.getColumn(0).getString(), rows.getColumn(1).getString());
    return out;
  });
}

// Reading must not make a workspace: one that is not there cannot be written either.
bool is_writable(const fs::path& path) {
  return ::access(path.c_str(), W_OK) == 0;
}

// Why the index on disk cannot be used although the workspace is writable; "" if it can.
std::string obstacle_to_index(const Workspace& workspace) {
  const std::string slow = "; the index is built in memory, which takes longer";
  if (!is_writable(workspace.root)) return "";
  for (const fs::path& file : {workspace.database(), lock_path(workspace.database())}) {
    std::error_code code;
    if (fs::exists(file, code) && !is_writable(file))
      return fmt::format("'{}' cannot be written{}", file.string(), slow);
  }
  if (free_bytes(workspace.root) >= kMinFreeBytes) return "";
  return fmt::format("no space is left on the disk of '{}'{}", workspace.root.string(), slow);
}

}  // namespace

Store::Store(fs::path path, std::unique_ptr<SQLite::Database> database)
    : path_(std::move(path)), database_(std::move(database)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

std::string sqlite_version() {
  return SQLite::getLibVersion();
}

Store Store::open(const fs::path& path) {
  return {path, open_database(path)};
}

Store Store::in_memory() {
  return {":memory:", open_memory_database()};
}

Store Store::of(const Workspace& workspace, FoldResult& folded) {
  const std::string obstacle = obstacle_to_index(workspace);
  const bool is_usable = is_writable(workspace.root) && obstacle.empty();
  Store out = is_usable ? open(workspace.database()) : in_memory();
  folded = out.fold_in(workspace);
  if (!obstacle.empty()) folded.problems.push_back(obstacle);
  return out;
}

FoldResult Store::fold_in(const Workspace& workspace) {
  return xp::fold_in(database_, path_, workspace);
}

void Store::query(const std::string& sql,
                  const std::function<void(const std::vector<std::string>&)>& head,
                  const std::function<void(const std::vector<Value>&)>& row) {
  run_query(*database_, path_, sql, head, row);
}

std::vector<ExperimentProgress> Store::progress() const {
  return with_database(path_, [&] {
    std::vector<ExperimentProgress> out;
    SQLite::Statement rows(
        *database_,
        "SELECT experiment, count(*), sum(e.state IS 'done'), "
        "sum(t.state IS 'failed' OR e.state IS 'failed'), "
        "sum(e.id IS NULL AND t.state IS NOT 'failed' AND (t.id IS NOT NULL OR u.id IS NOT NULL)) "
        "FROM points p LEFT JOIN runs t ON t.id = p.training LEFT JOIN runs e ON e.id = "
        "p.evaluation LEFT JOIN unfinished u ON u.id = p.training GROUP BY experiment");
    while (rows.executeStep()) {
      out.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getInt64(),
                     rows.getColumn(2).getInt64(), rows.getColumn(3).getInt64(),
                     rows.getColumn(4).getInt64()});
    }
    return out;
  });
}

std::optional<StoredRun> Store::run(const std::string& id) const {
  auto found = runs({id});
  if (found.empty()) return std::nullopt;
  return std::move(found.begin()->second);
}

std::map<std::string, StoredRun> Store::runs(const std::vector<std::string>& ids) const {
  return with_database(path_, [&] {
    std::map<std::string, StoredRun> out;
    // One snapshot, and four questions about all runs instead of four about each.
    SQLite::Transaction snapshot(*database_, SQLite::TransactionBehavior::DEFERRED);
    const std::string wanted = json_text(Value(std::set<std::string>(ids.begin(), ids.end())));
    const auto ask = [&](const char* sql, auto&& row) {
      SQLite::Statement rows(*database_, sql);
      rows.bindNoCopy(1, wanted);
      while (rows.executeStep())
        row(rows);
    };
    ask("SELECT runs.id, kind, state, attempt, started_s, ended_s, cause FROM json_each(?) w "
        "JOIN runs ON runs.id = w.value",
        [&](SQLite::Statement& row) {
          StoredRun& run = out[row.getColumn(0).getString()];
          run.id = row.getColumn(0).getString();
          run.kind = row.getColumn(1).getText() == kind_name(RunKind::kTraining)
                         ? RunKind::kTraining
                         : RunKind::kEvaluation;
          run.status = {stored_state(row.getColumn(2).getString()),
                        row.getColumn(3).getInt64(),
                        row.getColumn(4).getDouble(),
                        row.getColumn(5).getDouble(),
                        row.getColumn(6).getString(),
                        Value::object()};
        });
    // Rows of one run follow each other, so that each is looked up once.
    const auto each = [&](const char* sql, auto&& take) {
      std::string id;
      StoredRun* run = nullptr;
      ask(sql, [&](SQLite::Statement& row) {
        const char* const found = row.getColumn(0).getText();
        if (run == nullptr || id != found) {
          id = found;
          const auto at = out.find(id);
          run = at == out.end() ? nullptr : &at->second;
        }
        if (run != nullptr) take(*run, row);
      });
    };
    each(
        "SELECT run, name, s.value FROM json_each(?) w JOIN summary s ON run = w.value "
        "WHERE s.value IS NOT NULL",
        [](StoredRun& run, SQLite::Statement& row) {
          run.status.summary[row.getColumn(1).getString()] = row.getColumn(2).getDouble();
        });
    each(
        "SELECT run, p.path, p.value FROM json_each(?) w JOIN provenance p ON run = w.value "
        "WHERE p.path IN ('cpu', 'devices', 'host', 'sharing')",
        [](StoredRun& run, SQLite::Statement& row) {
          run.machine += (run.machine.empty() ? "" : ", ") + row.getColumn(2).getString();
        });
    each(
        "SELECT run, s.path = 'launch.nodes', number FROM json_each(?) w JOIN settings s "
        "ON run = w.value WHERE s.path IN ('launch.nodes', 'launch.ranks_per_node')",
        [](StoredRun& run, SQLite::Statement& row) {
          (row.getColumn(1).getInt() != 0 ? run.nodes : run.ranks_per_node) =
              row.getColumn(2).getInt64();
        });
    return out;
  });
}

std::vector<ReportPoint> Store::points(const std::string& experiment) const {
  std::vector<ReportPoint> out;
  for (auto& found : points_where(path_, *database_, "experiment = ?", experiment))
    out.push_back(std::move(found.point));
  return out;
}

std::vector<ExperimentPoint> Store::all_points() const {
  return points_where(path_, *database_, "?1 = ''", "");
}

std::vector<ExperimentPoint> Store::points_with(const std::vector<std::string>& runs) const {
  return points_where(path_, *database_,
                      "training IN (SELECT value FROM json_each(?1)) OR "
                      "evaluation IN (SELECT value FROM json_each(?1))",
                      json_text(Value(runs)));
}

std::vector<std::pair<std::string, Value>> Store::axes() const {
  return with_database(path_, [&] {
    std::vector<std::pair<std::string, Value>> out;
    // Most values are on many points.
    SQLite::Statement rows(*database_,
                           "SELECT DISTINCT key, type, value FROM points, json_each(points.axes) "
                           "ORDER BY key, value");
    while (rows.executeStep()) {
      const std::string type = rows.getColumn(1).getString(), text = rows.getColumn(2).getString();
      Value value = text;
      if (type == "true" || type == "false") value = type == "true";
      if (type == "integer" || type == "real" || type == "array")
        value = Value::parse(text, nullptr, /*allow_exceptions=*/false);
      out.emplace_back(rows.getColumn(0).getString(), std::move(value));
    }
    return out;
  });
}

std::vector<std::string> Store::summary_names() const {
  return with_database(path_, [&] {
    std::vector<std::string> out;
    SQLite::Statement rows(*database_, "SELECT DISTINCT name FROM summary ORDER BY name");
    while (rows.executeStep())
      out.push_back(rows.getColumn(0).getString());
    return out;
  });
}

std::vector<std::string> Store::undone() const {
  return with_database(path_, [&] {
    std::vector<std::string> out;
    SQLite::Statement rows(*database_,
                           "SELECT id FROM runs WHERE state = 'failed' UNION "
                           "SELECT id FROM unfinished ORDER BY id");
    while (rows.executeStep())
      out.push_back(rows.getColumn(0).getString());
    return out;
  });
}

std::vector<SubsetScore> Store::scores(const std::string& evaluation) const {
  return with_database(path_, [&] {
    std::vector<SubsetScore> out;
    SQLite::Statement rows(*database_,
                           "SELECT subset, direction, name, value, unit, signature, "
                           "higher_is_better, label FROM scores WHERE evaluation = ?");
    rows.bind(1, evaluation);
    while (rows.executeStep()) {
      out.push_back({rows.getColumn(0).getString(),
                     rows.getColumn(1).getString(),
                     {rows.getColumn(2).getString(), number_or_nan(rows.getColumn(3)),
                      rows.getColumn(4).getString(), rows.getColumn(5).getString(),
                      rows.getColumn(6).getInt() != 0, rows.getColumn(7).getString()}});
    }
    return out;
  });
}

std::vector<Score> Store::score_kinds(const std::vector<std::string>& evaluations) const {
  return with_database(path_, [&] {
    std::vector<Score> out;
    SQLite::Statement rows(
        *database_,
        "SELECT DISTINCT name, unit, higher_is_better, label FROM json_each(?) w "
        "JOIN scores ON evaluation = w.value ORDER BY 1, 2, 3, 4 DESC");
    rows.bind(1, json_text(Value(evaluations)));
    while (rows.executeStep()) {
      Score& score = out.emplace_back();
      score.name = rows.getColumn(0).getString();
      score.unit = rows.getColumn(1).getString();
      score.higher_is_better = rows.getColumn(2).getInt() != 0;
      score.label = rows.getColumn(3).getString();
    }
    return out;
  });
}

std::vector<std::pair<int64_t, double>> Store::series(const std::string& run,
                                                      const std::string& metric) const {
  return with_database(path_, [&] {
    std::vector<std::pair<int64_t, double>> out;
    SQLite::Statement rows(*database_,
                           "SELECT step, value FROM metrics WHERE run = ? AND name = ? "
                           "ORDER BY step");
    rows.bind(1, run);
    rows.bind(2, metric);
    while (rows.executeStep())
      out.emplace_back(rows.getColumn(0).getInt64(), number_or_nan(rows.getColumn(1)));
    return out;
  });
}

std::optional<Value> Store::setting(const std::string& run, const std::string& path) const {
  return with_database(path_, [&]() -> std::optional<Value> {
    SQLite::Statement row(*database_,
                          "SELECT type, text, number FROM settings WHERE run = ? AND path = ?");
    row.bind(1, run);
    row.bind(2, path);
    if (!row.executeStep()) return std::nullopt;
    const std::string type = row.getColumn(0).getString();
    if (type == "text") return Value(row.getColumn(1).getString());
    return Value::parse(row.getColumn(1).getString());
  });
}

std::vector<std::string> Store::series_names(const std::string& run) const {
  return with_database(path_, [&] {
    std::vector<std::string> out;
    SQLite::Statement rows(*database_,
                           "SELECT DISTINCT name FROM metrics WHERE run = ? ORDER BY name");
    rows.bind(1, run);
    while (rows.executeStep())
      out.push_back(rows.getColumn(0).getString());
    return out;
  });
}

std::vector<std::pair<std::string, std::string>> Store::provenance(const std::string& run) const {
  return pairs_of(path_, *database_,
                  "SELECT path, value FROM provenance WHERE run = ? ORDER BY path", run);
}

std::vector<std::pair<std::string, std::string>> Store::settings(const std::string& run) const {
  return pairs_of(path_, *database_, "SELECT path, text FROM settings WHERE run = ? ORDER BY path",
                  run);
}

std::string Store::dump() const {
  constexpr const char* kQueries[] = {
      "SELECT name FROM experiments ORDER BY name",
      "SELECT * FROM points ORDER BY experiment, position",
      "SELECT id, kind, state, attempt, started_s, ended_s, cause FROM runs ORDER BY id",
      "SELECT * FROM sources ORDER BY sha256",
      "SELECT * FROM settings ORDER BY run, path",
      "SELECT * FROM summary ORDER BY run, name",
      "SELECT * FROM metrics ORDER BY run, name, step",
      "SELECT * FROM scores ORDER BY evaluation, subset, direction, name",
      "SELECT * FROM provenance ORDER BY run, path",
      "SELECT * FROM attempts ORDER BY run, attempt",
      "SELECT * FROM artefacts ORDER BY run, path"};
  return with_database(path_, [&] {
    std::string out;
    for (const char* query : kQueries) {
      SQLite::Statement rows(*database_, query);
      out += fmt::format("-- {}\n", query);
      while (rows.executeStep()) {
        for (int i = 0; i < rows.getColumnCount(); ++i)
          out += fmt::format("{}{}", i == 0 ? "" : "\t", rows.getColumn(i).getString());
        out += '\n';
      }
    }
    return out;
  });
}

}  // namespace xp
