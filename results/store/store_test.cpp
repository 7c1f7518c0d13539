// The store: folding is idempotent, complete and survives damaged folders and databases.
#include "results/store/store.h"

#include "engine/base/hash.h"
#include "registry/measure.h"
#include "results/runs/workspace_fixture.h"
#include "results/store/database.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

namespace xp {
namespace {

using Catch::Matchers::Message;

std::optional<Measure> no_score(const std::string&) {
  return std::nullopt;
}

std::string opening_error(const fs::path& path) {
  try {
    Store::open(path).fold_in({path.parent_path()});
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::kMachine);
    return error.what();
  }
  return "";
}

TEST_CASE("finished runs are folded in once") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::open(place.workspace.database());
  const FoldResult first = store.fold_in(place.workspace);
  CHECK(first.taken == 4);
  CHECK(first.problems.empty());
  const std::string content = store.dump();
  CHECK(store.fold_in(place.workspace).taken == 0);
  CHECK(store.dump() == content);
}

TEST_CASE("the store answers what the folders hold") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::open(place.workspace.database());
  store.fold_in(place.workspace);
  const auto run = store.run("aaaa");
  REQUIRE(run);
  CHECK(run->kind == RunKind::kTraining);
  CHECK(run->status.state == State::kDone);
  CHECK(run->status.ended_s == 160);
  CHECK(run->status.summary == Value{{"tokens_per_second", 1500.0}, {"step_ms", 20.5}});
  CHECK(store.run("cccc")->status.state == State::kFailed);
  CHECK_FALSE(store.run("dddd"));
  CHECK(store.runs({"aaaa", "bbbb", "aaaa", "x"}).size() == 2);
  REQUIRE(store.scores("bbbb").size() == 1);
  CHECK(store.scores("bbbb")[0].score.signature == "sig");
  REQUIRE(store.points("quick").size() == 1);
  CHECK(store.points("quick")[0].axes.at("model.moe.exchange.use") == "gshard");
  CHECK(store.points("other").empty());
}

TEST_CASE("each kind of score of some evaluations is listed once") {
  FilledWorkspace place;
  place.fill();
  write_scores(place.workspace.evaluation("bbbb"),
               {{"test", "en-fr", {"errors", 4, "%", "", false}},
                {"test", "fr-en", {"errors", 5, "%", "", false}},
                {"test", "en-fr", {"bleu", 9, "", "s", true, "BLEU"}}});
  Store store = Store::open(place.workspace.database());
  store.fold_in(place.workspace);
  const auto kinds = store.score_kinds({"bbbb", "cccc"});
  REQUIRE(kinds.size() == 2);
  CHECK(kinds[0].label == "BLEU");
  CHECK(kinds[1].name == "errors");
  CHECK(kinds[1].unit == "%");
  CHECK_FALSE(kinds[1].higher_is_better);
  CHECK(store.score_kinds({"cccc"}).empty());
}

TEST_CASE("settings keep their types") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  CHECK(store.setting("aaaa", "train.seed") == Value(3));
  CHECK(store.setting("aaaa", "train.optimizer.lr") == Value(5e-4));
  CHECK(store.setting("aaaa", "train.optimizer.betas") == Value({0.9, 0.98}));
  CHECK(store.setting("aaaa", "train.precision") == Value("fp32"));
  CHECK(store.setting("aaaa", "model.share") == Value(true));
  CHECK_FALSE(store.setting("aaaa", "train.sed"));
}

TEST_CASE("a later attempt replaces what it went over") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  using Series = std::vector<std::pair<int64_t, double>>;
  CHECK(store.series("aaaa", "loss") == Series{{10, 6.5}, {20, 5.5}});
  CHECK(store.series("aaaa", "valid_bleu") == Series{{20, 12.5}});
}

TEST_CASE("a store that grew in steps equals a rebuilt one") {
  FilledWorkspace place;
  place.fill();
  Store grown = Store::open(place.workspace.database());
  grown.fold_in(place.workspace);
  place.status("trainings", "aaaa", State::kRunning);  // runs again
  place.status("evaluations", "eeee", State::kDone, {{"bleu", 3}});
  place.put("evaluations/eeee/spec.toml", "");
  fs::remove_all(place.workspace.evaluation("cccc"));
  const FoldResult result = grown.fold_in(place.workspace);
  CHECK(result.taken == 1);
  CHECK(result.dropped == 1);
  CHECK_FALSE(grown.run("aaaa"));
  Store fresh = Store::in_memory();
  fresh.fold_in(place.workspace);
  CHECK(grown.dump() == fresh.dump());
}

TEST_CASE("a damaged folder is a problem, the rest is taken") {
  FilledWorkspace place;
  place.fill();
  place.put("evaluations/cccc/status.json", "{");
  place.put("evaluations/bbbb/scores.json", "[]");
  fs::remove(place.workspace.training("aaaa") / "spec.toml");
  Store store = Store::open(place.workspace.database());
  const FoldResult result = store.fold_in(place.workspace);
  CHECK(result.taken == 3);
  CHECK(result.problems.size() == 3);
  CHECK(store.run("aaaa"));
  place.fill();  // the copy is complete now
  CHECK(store.fold_in(place.workspace).problems.empty());
  CHECK(store.setting("aaaa", "train.seed") == Value(3));
  CHECK(store.scores("bbbb").size() == 1);
}

TEST_CASE("an origin of which a power failure left only the name is no problem") {
  FilledWorkspace place;
  place.fill();
  place.put("trainings/aaaa/provenance.json", "");
  Store store = Store::open(place.workspace.database());
  CHECK(store.fold_in(place.workspace).problems.empty());
  CHECK(store.run("aaaa"));
}

TEST_CASE("the store of a workspace holds what is there") {
  FilledWorkspace place;
  place.fill();
  FoldResult folded;
  CHECK(Store::of(place.workspace, folded).run("aaaa"));
  CHECK(folded.taken == 4);
  CHECK(fs::exists(place.workspace.database()));
}

TEST_CASE("a workspace without folders is an empty store") {
  const TempFolder folder;
  Store store = Store::open(folder.path() / "new" / "xp.db");
  CHECK(store.fold_in({folder.path() / "new"}).taken == 0);
}

TEST_CASE("plain SQL answers per point and per seed group") {
  FilledWorkspace place;
  place.fill();
  Store::open(place.workspace.database()).fold_in(place.workspace);
  const auto database = open_database(place.workspace.database());
  SQLite::Statement wide(*database, "SELECT training_state, bleu, step_ms FROM runs_wide");
  REQUIRE(wide.executeStep());
  CHECK(wide.getColumn(0).getString() == "done");
  CHECK(wide.getColumn(1).getDouble() == 21.5);
  CHECK(wide.getColumn(2).getDouble() == 20.5);
  SQLite::Statement groups(*database, "SELECT axes, n, bleu FROM seed_groups");
  REQUIRE(groups.executeStep());
  CHECK(groups.getColumn(0).getString() == R"({"model.moe.exchange.use":"gshard"})");
  CHECK(groups.getColumn(1).getInt() == 1);
  SQLite::Statement axes(*database, "SELECT value FROM point_axes WHERE path = 'train.seed'");
  REQUIRE(axes.executeStep());
  CHECK(axes.getColumn(0).getInt() == 3);
}

TEST_CASE("a database that is not ours, or of another version, is refused with the way out") {
  const TempFolder folder;
  const std::string path = (folder.path() / "xp.db").string();
  open_database(path)->exec("PRAGMA user_version = 9");
  CHECK(opening_error(path) == "database '" + path +
                                   "' is of a newer xp (schema 9, this one knows 7); use that "
                                   "xp, or `xp db rebuild` to rebuild it from the run folders");
  open_database(folder.path() / "b.db")->exec("PRAGMA application_id = 1");
  CHECK(opening_error(folder.path() / "b.db") ==
        "'" + (folder.path() / "b.db").string() + "' is not a database of xp; move it away");
}

TEST_CASE("a database of an older xp is upgraded: its runs are read again") {
  const TempFolder folder;
  const fs::path path = folder.path() / "xp.db";
  open_database(path)->exec(
      "INSERT INTO runs VALUES ('a', 'training', 'done', 1, 0, 0, '', 'stamp');"
      "DROP TABLE attempts; DROP TABLE artefacts; ALTER TABLE points DROP COLUMN name; "
      "DROP TABLE sources; ALTER TABLE scores DROP COLUMN label; "
      "PRAGMA user_version = 1");
  const auto upgraded = open_database(path);
  CHECK(upgraded->execAndGet("PRAGMA user_version").getInt() == kDatabaseVersion);
  CHECK(upgraded->execAndGet("SELECT stamp FROM runs").getString().empty());
}

TEST_CASE("an upgraded database has the tables of a new one") {
  const TempFolder folder;
  const fs::path path = folder.path() / "xp.db";
  open_database(path)->exec(
      "DROP TABLE attempts; DROP TABLE artefacts; ALTER TABLE points DROP COLUMN name; "
      "DROP TABLE sources; ALTER TABLE scores DROP COLUMN label; "
      "PRAGMA user_version = 2");
  const auto columns = [](SQLite::Database& database) {
    SQLite::Statement rows(database,
                           "SELECT group_concat(m.name || '.' || c.name || ' ' || c.type) FROM "
                           "sqlite_schema m, pragma_table_info(m.name) c ORDER BY m.name, c.cid");
    rows.executeStep();
    return rows.getColumn(0).getString().size();
  };
  CHECK(columns(*open_database(path)) == columns(*open_memory_database()));
}

TEST_CASE("a run's machine says how many runs shared it in its last attempt") {
  FilledWorkspace place;
  place.fill();
  const auto machine = [&] {
    Store store = Store::in_memory();
    store.fold_in(place.workspace);
    return store.run("aaaa").value().machine;
  };
  CHECK(machine() == "box");
  place.put("trainings/aaaa/attempts/1/launcher.json", R"({"shared_with": 3})");
  CHECK(machine() == "box");
  place.put("trainings/aaaa/attempts/2/launcher.json", R"({"shared_with": 0})");
  CHECK(machine() == "box, alone");
  place.put("trainings/aaaa/attempts/2/launcher.json", R"({"shared_with": 2})");
  CHECK(machine() == "box, shared with 2");
  place.put("trainings/aaaa/attempts/2/launcher.json", R"({"shared_with": "many"})");
  CHECK(machine() == "box");
}

TEST_CASE("what a run took is that of all its attempts, what disturbed it that of the last") {
  FilledWorkspace place;
  place.fill();
  AttemptEnd end = made_end(Outcome::kMachine, "a disk");
  end.cpu_seconds = 1800;
  end.energy_j = 500;
  end.other_load = 0.75;
  const fs::path run = place.workspace.training("aaaa");
  write_end(attempt_folder(run, 1), end);
  end.outcome = Outcome::kDone;
  end.other_load = 0.125;
  write_end(attempt_folder(run, 2), end);
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  const Value summary = store.run("aaaa").value().status.summary;
  CHECK(summary["cpu_hours"] == 1.0);
  CHECK(summary["energy_kj"] == 1.0);
  CHECK(summary["other_load"] == 0.125);
  for (const char* name : {"cpu_hours", "energy_kj", "other_load"}) {
    CHECK(find_measure(name, no_score));
    CHECK(find_measure(std::string("eval_") + name, no_score));
  }
}

TEST_CASE("of the shares that experts got the last ones are in the store") {
  FilledWorkspace place;
  place.fill();
  const auto load = [](int update, const char* shares) {
    return fmt::format(R"({{"event":"load","update":{},"seconds":1,"values":{{"encoder.1":{}}}}})",
                       update, shares) +
           "\n";
  };
  place.put("trainings/aaaa/attempts/2/events.jsonl",
            load(10, "[70,20,10,null]") + load(20, "[50,50,null]") +
                R"({"event":"update","update":30,"seconds":2,"values":{"loss":5.5}})" + "\n");
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  CHECK(store.series_names("aaaa") ==
        std::vector<std::string>{"encoder.1.experts.load.0", "encoder.1.experts.load.1",
                                 "encoder.1.experts.load.2", "loss", "seconds"});
  CHECK(store.series("aaaa", "encoder.1.experts.load.1") ==
        std::vector<std::pair<int64_t, double>>{{20, 50}});
  CHECK(store.run("aaaa").value().status.summary.size() == 2);
}

TEST_CASE("how even the shares of experts were is in the store, by layer and as their mean") {
  FilledWorkspace place;
  place.fill();
  place.put("trainings/aaaa/attempts/2/events.jsonl",
            R"({"event":"load","update":10,"seconds":1,"values":{"encoder.1":[25,25,25,25]}})"
            "\n"
            R"({"event":"load","update":20,"seconds":2,"values":{"encoder.1":[0,10,50,40],)"
            R"("decoder.1":[25,25,25,25]}})"
            "\n");
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  CHECK(store.series("aaaa", "encoder.1.experts.rows_most") ==
        std::vector<std::pair<int64_t, double>>{{10, 1}, {20, 2}});
  CHECK(store.series("aaaa", "encoder.1.experts.rows_median") ==
        std::vector<std::pair<int64_t, double>>{{10, 1}, {20, 1}});
  const Value summary = store.run("aaaa").value().status.summary;
  CHECK(summary["router_rows_least"] == 0.5);  // the mean of 0 and 1
  CHECK(summary["router_rows_p10"] == 0.56);   // of 0.12 and 1
  CHECK(summary["router_rows_most"] == 1.5);
}

TEST_CASE("points are found by their runs, and runs that began and are not done by themselves") {
  FilledWorkspace place;
  place.fill();
  place.status("trainings", "dddd", State::kRunning);
  place.put("experiments/more/plan.json",
            R"({"schema": 1, "points": [
                {"name": "seed=1", "training": "aaaa", "evaluation": "cccc", "seed": 1, "axes": {}},
                {"name": "seed=2", "training": "", "evaluation": "", "seed": 2, "axes": {}}]})");
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  CHECK(store.undone() == std::vector<std::string>{"cccc", "dddd"});
  const auto all = store.all_points();
  REQUIRE(all.size() == 3);
  CHECK(all[0].experiment == "more");
  CHECK(all[0].point.name == "seed=1");
  CHECK(all[2].point.axes.at("train.seed") == 3);
  CHECK(store.axes() == std::vector<std::pair<std::string, Value>>{
                            {"model.moe.exchange.use", "gshard"}, {"train.seed", 3}});
  const auto found = store.points_with({"cccc", "dddd"});
  REQUIRE(found.size() == 1);
  CHECK(found[0].point.name == "seed=1");
}

TEST_CASE("attempts and artefacts are in the store") {
  FilledWorkspace place;
  place.fill();
  place.put("trainings/aaaa/attempts/2/launcher.json", "{\n \"host\": \"box\"}");
  place.put("evaluations/bbbb/hypotheses/test.en-fr.txt", "12345");
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  const std::string dump = store.dump();
  CHECK(dump.find("aaaa\t1\t10\t20\t2.0\t\n"
                  "aaaa\t2\t20\t20\t1.0\t{\"host\":\"box\"}\n") != std::string::npos);
  CHECK(dump.find("bbbb\thypotheses/test.en-fr.txt\t5\n") != std::string::npos);
}

TEST_CASE("changes of the code are in the store as long as they are in the workspace") {
  FilledWorkspace place;
  place.fill();
  const std::string diff = "--- a/x\n+++ b/x\n", hash = sha256(diff);
  place.put("trainings/aaaa/provenance.json", Value{{"diff_sha256", hash}}.dump());
  place.put("sources/" + hash + ".diff", diff);
  Store store = Store::in_memory(), anew = Store::in_memory();
  CHECK(store.fold_in(place.workspace).problems.empty());
  std::string found;
  store.query(
      "SELECT run, diff FROM provenance JOIN sources ON sha256 = value "
      "WHERE path = 'diff_sha256'",
      [](const auto&) {}, [&](const std::vector<Value>& row) { found += Value(row).dump(); });
  CHECK(found == R"(["aaaa","--- a/x\n+++ b/x\n"])");
  place.put("sources/" + sha256("more") + ".diff", "more");
  fs::remove(place.workspace.source(hash));
  store.fold_in(place.workspace);
  anew.fold_in(place.workspace);
  CHECK(store.dump() == anew.dump());
  CHECK(store.dump().find("+++") == std::string::npos);
  place.put("sources/abc.diff", "edited");
  CHECK(store.fold_in(place.workspace).problems ==
        std::vector<std::string>{"'" + place.workspace.source("abc").string() +
                                 "' is not what its name says; copy or delete it"});
}

TEST_CASE("a workspace whose folders cannot be listed loses nothing from its index") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  const fs::path trainings = place.workspace.root / "trainings";
  fs::rename(trainings, place.workspace.root / "elsewhere");
  fs::create_symlink("trainings", trainings);  // leads to itself
  CHECK_THROWS_MATCHES(
      store.fold_in(place.workspace), Error,
      Message("'" + trainings.string() + "' cannot be listed: Too many levels of symbolic links"));
  CHECK(store.run("aaaa"));
}

TEST_CASE("a truncated database is damaged, with the way out") {
  FilledWorkspace place;
  place.fill();
  const fs::path path = place.workspace.database();
  Store::open(path).fold_in(place.workspace);
  const std::string damaged =
      "database '" + path.string() + "' is damaged; delete it: it is rebuilt from the run folders";
  fs::resize_file(path, fs::file_size(path) / 2);
  CHECK(opening_error(path) == damaged);
  fs::resize_file(path, 50);
  CHECK(opening_error(path) == damaged);
  place.put("xp.db",
            "this is some text that is certainly longer than a header of a hundred bytes. "
            "this is some text that is certainly longer than a header.");
  CHECK(opening_error(path) == damaged);
}

TEST_CASE("what SQLite reports becomes a sentence with the way out") {
  const auto text = [](int code) {
    return std::string(database_error("w/xp.db", SQLite::Exception("x", code)).what());
  };
  CHECK(text(5) == "database 'w/xp.db' is locked by another program; end that program, or wait");
  CHECK(text(8) == "database 'w/xp.db' cannot be written; give yourself the right to write it");
  CHECK(text(13) == "database 'w/xp.db' cannot grow: no space left on the disk; free some");
  CHECK(text(14) == "database 'w/xp.db' cannot be opened: 'w' is not a folder");
  CHECK(std::string(database_error("/xp.db", SQLite::Exception("x", 14)).what()) ==
        "database '/xp.db' cannot be opened; look at the rights of the file and its folder");
  CHECK(database_error("w/xp.db", SQLite::Exception("syntax", 1)).blame() == Blame::kBug);
}

TEST_CASE("a reader is not blocked while somebody folds in") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::open(place.workspace.database());
  store.fold_in(place.workspace);
  const auto writer = open_database(place.workspace.database());
  writer->exec("BEGIN IMMEDIATE");
  writer->exec("DELETE FROM runs");
  CHECK(Store::open(place.workspace.database()).run("aaaa"));
  writer->exec("ROLLBACK");
}

}  // namespace
}  // namespace xp
