// The index as a file: rebuilt equal, checked, made small; SQL that only reads; killed while
// folding.
#include "results/store/index_file.h"

#include "results/runs/workspace_fixture.h"
#include "results/store/database.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <csignal>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

using Catch::Matchers::Message;
using Words = std::vector<std::string>;

std::string dump_of(const Workspace& workspace) {
  Store store = Store::open(workspace.database());
  return store.dump();
}

void write_over(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_CASE("a rebuilt index equals the one that grew") {
  FilledWorkspace place;
  place.status("trainings", "zzzz", State::kDone);
  Store::open(place.workspace.database()).fold_in(place.workspace);
  place.fill();
  fs::remove_all(place.workspace.training("zzzz"));
  Store::open(place.workspace.database()).fold_in(place.workspace);
  const std::string grown = dump_of(place.workspace);
  CHECK(grown.find("aaaa") != std::string::npos);
  CHECK(rebuild_index(place.workspace).taken == 4);
  CHECK(dump_of(place.workspace) == grown);
  CHECK(check_index(place.workspace).empty());
}

TEST_CASE("rebuilding works whatever state the old index is in") {
  FilledWorkspace place;
  place.fill();
  Store::open(place.workspace.database()).fold_in(place.workspace);
  const std::string whole = dump_of(place.workspace);
  const fs::path path = place.workspace.database();
  write_over(path, "no database at all");
  write_over(path.string() + "-wal", "no log either");
  CHECK_THROWS_AS(Store::open(path), Error);
  rebuild_index(place.workspace);
  CHECK(dump_of(place.workspace) == whole);
  open_database(path)->exec(
      "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = WAL");
  rebuild_index(place.workspace);
  CHECK(dump_of(place.workspace) == whole);
  open_database(path)->exec("PRAGMA user_version = 99");
  CHECK_THROWS_AS(Store::open(path), Error);
  rebuild_index(place.workspace);
  CHECK(dump_of(place.workspace) == whole);
}

TEST_CASE("checking finds values that no folder has") {
  FilledWorkspace place;
  place.fill();
  const fs::path path = place.workspace.database();
  Store::open(path).fold_in(place.workspace);
  open_database(path)->exec("UPDATE summary SET value = 99 WHERE name = 'bleu'");
  CHECK(check_index(place.workspace) ==
        Words{"'" + path.string() + "' differs from the run folders; `xp db rebuild` rebuilds it"});
}

TEST_CASE("check needs an index, rebuild a workspace") {
  const TempFolder folder;
  const Workspace empty{folder.path() / "ws"};
  CHECK_THROWS_MATCHES(check_index(empty), Error,
                       Message("there is no '" + empty.database().string() +
                               "'; `xp db rebuild` builds it from the run folders"));
  CHECK_THROWS_MATCHES(rebuild_index(empty), Error,
                       Message("there is no workspace '" + empty.root.string() + "'"));
}

TEST_CASE("vacuuming shrinks the file when runs are gone") {
  FilledWorkspace place;
  place.fill();
  Store::open(place.workspace.database()).fold_in(place.workspace);
  open_database(place.workspace.database())
      ->exec("CREATE TABLE filler AS SELECT hex(randomblob(300000)) AS x; DROP TABLE filler");
  const auto [before, after] = vacuum_index(place.workspace);
  CHECK(after + 500'000 < before);
  CHECK(check_index(place.workspace).empty());
}

TEST_CASE("an index of an older xp is vacuumed as well") {
  FilledWorkspace place;
  place.fill();
  Store::open(place.workspace.database()).fold_in(place.workspace);
  open_database(place.workspace.database())
      ->exec("ALTER TABLE scores DROP COLUMN label; PRAGMA user_version = 5");
  vacuum_index(place.workspace);
  CHECK(check_index(place.workspace).empty());
}

TEST_CASE("a store that was open while the index was rebuilt writes to it") {
  FilledWorkspace place;
  place.fill();
  Store open = Store::open(place.workspace.database());
  open.fold_in(place.workspace);
  rebuild_index(place.workspace);
  place.put("trainings/zzzz/spec.toml", "[train]\nseed = 1\n");
  place.status("trainings", "zzzz", State::kDone);
  CHECK(open.fold_in(place.workspace).taken == 1);
  CHECK(Store::open(place.workspace.database()).run("zzzz"));
  CHECK(check_index(place.workspace) == Words{});
}

std::string answer(Store& store, const std::string& sql) {
  std::string out;
  store.query(
      sql,
      [&](const Words& names) {
        for (const auto& name : names)
          out += name + " ";
      },
      [&](const std::vector<Value>& values) { out += "| " + Value(values).dump() + " "; });
  return out;
}

// What one of several processes does to the index for a while, each in its own order.
void work_on(const Workspace& workspace, int who) {
  std::mt19937 random(static_cast<unsigned>(who));
  Store early = Store::open(workspace.database());
  for (int i = 0; i < 40; ++i) {
    const std::string id = fmt::format("{}-{}", who, i);
    write_atomic(workspace.training(id) / "spec.toml", "[train]\nseed = 1\n");
    write_status(workspace.training(id), {State::kDone, 1, 100, 160, "", {{"step_ms", i}}});
    switch (random() % 5) {
      case 0:
        early.fold_in(workspace);  // opened before most others wrote
        break;
      case 1:
        vacuum_index(workspace);  // a checkpoint that empties the log
        break;
      case 2:
        if (who == 0) rebuild_index(workspace);  // other pages under open connections
        break;
      default: {
        Store store = Store::open(workspace.database());
        store.fold_in(workspace);
        if (store.runs({id}).empty()) throw std::runtime_error("a run is not in the index");
      }
    }
  }
}

TEST_CASE("processes that write, checkpoint and rebuild at once leave a whole index") {
  FilledWorkspace place;
  place.fill();
  std::vector<pid_t> children;
  for (int who = 0; who < 4; ++who) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        work_on(place.workspace, who);
        ::_exit(0);
      } catch (const std::exception& error) {
        fmt::print(stderr, "process {}: {}\n", who, error.what());
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  Store store = Store::open(place.workspace.database());
  store.fold_in(place.workspace);
  CHECK(check_index(place.workspace) == Words{});
  CHECK(answer(store, "SELECT count(*) AS n FROM runs") == "n | [163] ");
}

TEST_CASE("SQL can ask everything and change nothing") {
  FilledWorkspace place;
  place.fill();
  Store store = Store::open(place.workspace.database());
  store.fold_in(place.workspace);
  CHECK(answer(store, "SELECT bleu, chrf, seed, bleu > 20 AS good FROM runs_wide") ==
        "bleu chrf seed good | [21.5,null,3,1] ");
  CHECK(answer(store,
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) "
               "SELECT sum(i) AS s FROM n") == "s | [6] ");
  for (const char* sql : {"DELETE FROM runs", "DROP TABLE runs", "ATTACH 'other.db' AS other",
                          "PRAGMA journal_mode = DELETE", "UPDATE runs SET state = 'done'",
                          "VACUUM", "CREATE TABLE x(y)", "SELECT load_extension('x')"}) {
    INFO(sql);
    CHECK_THROWS_AS(answer(store, sql), Error);
  }
  CHECK_THROWS_MATCHES(answer(store, "DELETE FROM runs"), Error,
                       Message("only SELECT can be asked: the figures come from the run folders"));
  CHECK_THROWS_MATCHES(answer(store, "SELECT 1 FROM nowhere"), Error,
                       Message("no such table: nowhere; `SELECT sql FROM sqlite_schema` shows "
                               "tables and views"));
  CHECK_THROWS_MATCHES(answer(store, ""), Error,
                       Message("no statement is there; write SELECT ... FROM runs_wide, say"));
  CHECK_THROWS_MATCHES(answer(store, "SELECT 1; DELETE FROM runs"), Error,
                       Message("one statement at a time; 'DELETE FROM runs' would be left out"));
  CHECK(answer(store, "SELECT 1 AS n; ") == "n | [1] ");
  CHECK(store.runs({"aaaa"}).size() == 1);
}

// Folds in a child that is killed after `wait_us`.
void kill_while_folding(const Workspace& workspace, int64_t wait_us) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      Store::open(workspace.database()).fold_in(workspace);
    } catch (...) {
    }
    ::_exit(0);
  }
  ::usleep(static_cast<useconds_t>(wait_us));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

void kill_often(int times) {
  FilledWorkspace place;
  place.fill();
  const std::string events =
      read_file(place.workspace.training("aaaa") / "attempts/2/events.jsonl");
  for (int i = 0; i < 200; ++i) {
    const std::string id = fmt::format("{:04}", i);
    place.put("trainings/" + id + "/spec.toml", "[train]\nseed = 1\n");
    place.put("trainings/" + id + "/attempts/1/events.jsonl", events);
    place.status("trainings", id, State::kDone, {{"step_ms", i}});
  }
  Store anew = Store::in_memory();
  anew.fold_in(place.workspace);
  const std::string expected = anew.dump();
  std::mt19937 random(7);  // any moment will do; the same ones make a failure repeatable
  int unfinished = 0;
  for (int i = 0; i < times; ++i) {
    // Every time from the start, and up to about as long as it takes.
    for (const char* ending : {"", "-wal", "-shm"})
      fs::remove(place.workspace.database().string() + ending);
    kill_while_folding(place.workspace, static_cast<int64_t>(random() % 60'000));
    if (fs::exists(place.workspace.database())) {
      const auto database = open_database(place.workspace.database());
      REQUIRE(database->execAndGet("PRAGMA integrity_check").getString() == "ok");
    }
    Store store = Store::open(place.workspace.database());
    unfinished += store.dump() == expected ? 0 : 1;
    store.fold_in(place.workspace);
    REQUIRE(store.dump() == expected);
  }
  CHECK(unfinished > 0);
}

TEST_CASE("killed while folding in, the index is whole and the next fold completes it") {
  kill_often(10);
}

TEST_CASE("killed a hundred times while folding in, the index stays whole", "[soak]") {
  kill_often(120);
}

}  // namespace
}  // namespace xp
