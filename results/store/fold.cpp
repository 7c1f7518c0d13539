// One transaction under a lock that processes share.
#include "results/store/fold.h"

#include "engine/base/hash.h"
#include "engine/base/toml.h"
#include "results/runs/attempts.h"
#include "results/runs/records.h"
#include "results/store/changes.h"
#include "results/store/database.h"
#include "results/store/router_health.h"
#include "results/store/step_parts.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

void bind_number(SQLite::Statement& statement, int index, const Value& value) {
  if (value.is_boolean()) {
    statement.bind(index, value.get<bool>() ? 1 : 0);
  } else if (value.is_number() && std::isfinite(value.get<double>())) {
    statement.bind(index, value.get<double>());
  } else {
    statement.bind(index);
  }
}

std::string type_text(const Value& value) {
  if (value.is_string()) return "text";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  return value.is_number() ? "number" : "list";
}

std::string plain_text(const Value& value) {
  if (value.is_string()) return value.get<std::string>();
  const bool is_infinite = value.is_number_float() && !std::isfinite(value.get<double>());
  return is_infinite ? show(value) : canonical_text(value);
}

/// The updates of an attempt; null if it logged none.
struct AttemptSpan {
  Value first, last, seconds;

  void see(const Event& event) {
    if (first.is_null() || event.update < first.get<int64_t>()) first = event.update;
    if (last.is_null() || event.update > last.get<int64_t>()) last = event.update;
    seconds = event.seconds;
  }
};

/// One transaction's worth of writing; statements are prepared once.
class Writer {
 public:
  Writer(SQLite::Database& database, FoldResult& result) : database_(database), result_(result) {}

  void drop(const Folder& folder) {
    const std::string& id = folder.id;
    if (folder.kind == FolderKind::kSource) {
      run("DELETE FROM sources WHERE sha256 = ?", id);
      return;
    }
    if (folder.kind == FolderKind::kExperiment) {
      run("DELETE FROM points WHERE experiment = ?", id);
      run("DELETE FROM experiments WHERE name = ?", id);
      return;
    }
    for (const char* table :
         {"settings", "summary", "metrics", "provenance", "attempts", "artefacts"})
      run(fmt::format("DELETE FROM {} WHERE run = ?", table), id);
    run("DELETE FROM scores WHERE evaluation = ?", id);
    run("DELETE FROM runs WHERE id = ?", id);
    run("DELETE FROM unfinished WHERE id = ?", id);
  }

  void take(const Folder& folder) {
    drop(folder);
    const size_t problems = result_.problems.size();
    if (folder.kind == FolderKind::kSource) {
      attempt_part([&] { take_source(folder); });
      return;
    }
    if (folder.kind == FolderKind::kExperiment) {
      attempt_part([&] { take_plan(folder); });
      return;
    }
    std::optional<Status> status;
    attempt_part([&] { status = read_status(folder.path); });
    if (!status) return;
    if (status->state != State::kDone && status->state != State::kFailed) {
      run("INSERT INTO unfinished VALUES (?, ?, ?)", folder.id,
          std::string(folder_kind_name(folder.kind)), folder.stamp);
      return;
    }
    attempt_part([&] { take_settings(folder); });
    attempt_part([&] { take_provenance(folder); });
    attempt_part([&] { take_scores(folder); });
    take_summary(folder, *status);
    take_metrics(folder);
    take_artefacts(folder);
    const bool whole = result_.problems.size() == problems;
    run("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", folder.id,
        std::string(folder_kind_name(folder.kind)), std::string(state_name(status->state)),
        status->attempt, status->started_s, status->ended_s, status->cause,
        whole ? folder.stamp : "");
    ++result_.taken;
  }

 private:
  // Runs what reads one file; a machine's fault in it is a problem, not the end of folding.
  template <class Part>
  void attempt_part(Part&& part) {
    try {
      part();
    } catch (const Error& error) {
      if (error.blame() == Blame::kBug) throw;
      result_.problems.emplace_back(error.what());
    }
  }

  SQLite::Statement& statement(const std::string& sql) {
    auto& slot = statements_[sql];
    if (!slot) slot = std::make_unique<SQLite::Statement>(database_, sql);
    slot->reset();
    return *slot;
  }

  template <class... Values>
  void run(const std::string& sql, const Values&... values) {
    SQLite::Statement& ready = statement(sql);
    int index = 0;
    (bind_one(ready, ++index, values), ...);
    ready.exec();
  }

  template <class T>
  static void bind_one(SQLite::Statement& ready, int index, const T& value) {
    if constexpr (std::is_same_v<T, Value>)
      bind_number(ready, index, value);
    else if constexpr (std::is_same_v<T, std::optional<std::string>>)
      value ? ready.bind(index, *value) : ready.bind(index);
    else
      ready.bind(index, value);
  }

  void take_plan(const Folder& folder) {
    const auto points = read_points(plan_file(folder.path));
    for (size_t i = 0; i < points.size(); ++i) {
      std::optional<std::string> training, evaluation;
      if (points[i].ids) {
        training = points[i].ids->training;
        evaluation = points[i].ids->evaluation;
      }
      run("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?)", folder.id, static_cast<int64_t>(i),
          training, evaluation, points[i].seed, canonical_text(points[i].axes), points[i].name);
    }
    run("INSERT INTO experiments VALUES (?, ?)", folder.id, folder.stamp);
    ++result_.taken;
  }

  void take_settings(const Folder& folder) {
    for (const auto& [path, value] : leaves(load_toml(spec_file(folder.path).string()))) {
      run("INSERT INTO settings VALUES (?, ?, ?, ?, ?)", folder.id, path, type_text(value),
          plain_text(value), value);
    }
  }

  void take_provenance(const Folder& folder) {
    const fs::path path = folder.path / "provenance.json";
    const auto bytes = read_if_there(path);
    if (!bytes || bytes->empty()) return;  // the power failed before it was on the disk
    const Value value = Value::parse(*bytes, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object()) machine_error("'{}' is damaged; copy or delete it", path.string());
    for (const auto& [key, leaf] : leaves(value))
      run("INSERT INTO provenance VALUES (?, ?, ?)", folder.id, key, plain_text(leaf));
  }

  // A file is named by the hash of what is in it.
  void take_source(const Folder& folder) {
    const std::string diff = read_file(folder.path);
    if (sha256(diff) != folder.id)
      machine_error("'{}' is not what its name says; copy or delete it", folder.path.string());
    run("INSERT INTO sources VALUES (?, ?)", folder.id, diff);
  }

  void take_scores(const Folder& folder) {
    if (folder.kind != FolderKind::kEvaluation) return;
    for (const auto& [subset, direction, score] : read_scores(folder.path)) {
      run("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", folder.id, subset,
          direction, score.name, Value(score.value), score.unit, score.signature,
          score.higher_is_better ? 1 : 0, score.label);
    }
  }

  void take_summary(const Folder& folder, const Status& status) {
    for (const auto& [name, value] : status.summary.items()) {
      if (value.is_number() || value.is_null())
        run("INSERT INTO summary VALUES (?, ?, ?)", folder.id, name, value);
    }
  }

  // A later attempt goes over the updates that an earlier one lost, so its values replace them. Its
  // clock continues from where it took up the work.
  void take_metrics(const Folder& folder) {
    const int64_t last = last_attempt(folder.path);
    std::map<int64_t, double> seconds_at = {{0, 0.0}};
    RouterHealth health;
    StepTimes times;
    std::optional<Event> load;
    Cost cost;
    for (int64_t attempt = 1; attempt <= last; ++attempt) {
      size_t offset = 0;
      const fs::path events = attempt_folder(folder.path, attempt);
      double before = 0;
      AttemptSpan span;
      for (const Event& event : read_events(events, offset)) {
        if (event.event == "start") {
          seconds_at.erase(seconds_at.upper_bound(std::max<int64_t>(event.update, 0)),
                           seconds_at.end());
          before = std::prev(seconds_at.end())->second - event.seconds;
        }
        span.see(event);
        if (event.event == "load") {
          load = event;
          if (folder.kind == FolderKind::kTraining)
            take_percentiles(folder.id, event, attempt, health);
        }
        const bool validation = event.event == "validation";
        if (!event.values.is_object() || (!validation && event.event != "update")) continue;
        if (event.update >= 0) seconds_at[event.update] = before + event.seconds;
        if (!validation) times.see(event.update, event.values);
        take_metric(folder.id, "seconds", event.update, before + event.seconds, attempt);
        for (const auto& [name, value] : event.values.items()) {
          if (!value.is_number() && !value.is_null()) continue;
          health.see(name, value);
          take_metric(folder.id, validation && !name.starts_with("valid_") ? "valid_" + name : name,
                      event.update, value, attempt);
        }
      }
      Value launcher;
      attempt_part([&] { launcher = launcher_of(events); });
      run("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?)", folder.id, attempt, span.first,
          span.last, span.seconds, launcher.is_null() ? "" : plain_text(launcher));
      const auto end = read_end(events);
      if (end) cost.cpu_seconds += end->cpu_seconds;
      if (end) cost.energy_j += end->energy_j;
      if (end) cost.other_load = end->other_load;
      // Speed is that of the last attempt.
      if (attempt == last) take_sharing(folder, launcher);
    }
    take_cost(folder, cost);
    if (load) take_load(folder, *load, last);
    for (const auto& figures : {health.summary(), times.summary()}) {
      for (const auto& [name, value] : figures)
        run("INSERT OR IGNORE INTO summary VALUES (?, ?, ?)", folder.id, name, value);
    }
  }

  // Null if it is missing or damaged.
  static Value launcher_of(const fs::path& attempt) {
    const fs::path path = attempt / "launcher.json";
    const auto bytes = read_if_there(path);
    if (!bytes) return {};
    Value value = Value::parse(*bytes, nullptr, /*allow_exceptions=*/false);
    return value.is_object() ? value : Value();
  }

  // What all attempts of a run took, and what disturbed the last, as far as it is known.
  struct Cost {
    double cpu_seconds = 0, energy_j = 0, other_load = -1;
  };
  void take_cost(const Folder& folder, const Cost& cost) {
    const std::string prefix = folder.kind == FolderKind::kEvaluation ? "eval_" : "";
    const auto add = [&](const std::string& name, double value) {
      run("INSERT OR REPLACE INTO summary VALUES (?, ?, ?)", folder.id, prefix + name, value);
    };
    if (cost.cpu_seconds > 0) add("cpu_hours", cost.cpu_seconds / 3600);
    if (cost.energy_j > 0) add("energy_kj", cost.energy_j / 1000);
    if (cost.other_load >= 0) add("other_load", cost.other_load);
  }

  // How many other runs were given the same machine at the same time, in words that speed is keyed
  // by.
  void take_sharing(const Folder& folder, const Value& launcher) {
    const auto others = launcher.is_null() ? launcher.end() : launcher.find("shared_with");
    if (launcher.is_null() || others == launcher.end() || !others->is_number_integer()) return;
    const auto count = others->get<int64_t>();
    run("INSERT OR REPLACE INTO provenance VALUES (?, ?, ?)", folder.id, "sharing",
        count == 0 ? std::string("alone") : fmt::format("shared with {}", count));
  }

  // "decoder.1.experts.load.3", of an evaluation "decoder.1, en-fr.experts.load.3"; of the last
  // event only: there may be thousands of experts.
  void take_load(const Folder& folder, const Event& load, int64_t attempt) {
    for (const auto& [layer, shares] : load.values.items()) {
      int64_t expert = 0;
      for (const Value& share : shares.is_array() ? shares : Value::array())
        take_metric(folder.id, fmt::format("{}{}{}", layer, kExpertLoad, expert++), load.update,
                    share, attempt);
    }
  }

  // "decoder.1.experts.rows_p10", over the training.
  void take_percentiles(const std::string& id, const Event& load, int64_t attempt,
                        RouterHealth& health) {
    if (!load.values.is_object()) return;
    for (const auto& [layer, shares] : load.values.items()) {
      for (const auto& [figure, value] : row_percentiles(shares)) {
        const std::string name = fmt::format("{}.experts.{}", layer, figure);
        health.see(name, value);
        take_metric(id, name, load.update, value, attempt);
      }
    }
  }

  void take_artefacts(const Folder& folder) {
    if (folder.kind != FolderKind::kEvaluation) return;
    for (const char* part : {"hypotheses", "sentences"}) {
      std::error_code code;
      for (const auto& entry : fs::directory_iterator(folder.path / part, code)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.') || !entry.is_regular_file(code)) continue;
        run("INSERT INTO artefacts VALUES (?, ?, ?)", folder.id, part + ("/" + name),
            static_cast<int64_t>(entry.file_size(code)));
      }
    }
  }

  void take_metric(const std::string& id, const std::string& name, int64_t update,
                   const Value& value, int64_t attempt) {
    run("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)", id, name, update, value, attempt);
  }

  SQLite::Database& database_;
  FoldResult& result_;
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
};

}  // namespace

FoldResult fold_in(std::unique_ptr<SQLite::Database>& database, const fs::path& path,
                   const Workspace& workspace) {
  return with_database(path, [&] {
    FoldResult result;
    if (changes_since(*database, workspace).empty()) return result;
    std::optional<FileLock> only_writer;
    while (path != ":memory:") {
      only_writer.emplace(FileLock::wait(lock_path(path)));
      if (!is_replaced(*database)) break;
      // Opening may take the lock itself.
      only_writer.reset();
      database = open_database(path);
    }
    SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
    // Whoever held the lock may have done our work.
    const Changes now = changes_since(*database, workspace);
    Writer writer(*database, result);
    for (const auto& folder : now.to_drop)
      writer.drop(folder);
    for (const auto& folder : now.to_read)
      writer.take(folder);
    transaction.commit();
    result.dropped = static_cast<int64_t>(now.to_drop.size());
    return result;
  });
}

}  // namespace xp
