// Machines and people at their worst: full disks, folders without rights, values that are no
// numbers, names in any script.
#include "engine/base/process.h"
#include "engine/testing/nobody.h"
#include "results/report/report.h"
#include "results/runs/workspace_fixture.h"
#include "results/store/database.h"
#include "results/store/index_file.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>

namespace xp {
namespace {

using Catch::Matchers::Message;

TEST_CASE("on a full disk folding gives one clear message, and works again with space", "[slow]") {
  const TempFolder folder;
  const std::string disk = folder.path().string();
  if (run_program({"mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk}).exit_code != 0)
    SKIP("a small file system cannot be mounted here");
  FilledWorkspace place;
  place.fill();
  for (int i = 0; i < 300; ++i)
    place.put(fmt::format("trainings/{:04}/status.json", i),
              read_file(place.workspace.training("aaaa") / "status.json"));
  const fs::path path = folder.path() / "xp.db";
  const std::string filler = disk + "/filler";
  Store::open(path);
  std::ofstream(filler) << std::string(500'000, 'x');
  CHECK_THROWS_MATCHES(Store::open(path).fold_in(place.workspace), Error,
                       Message("database '" + path.string() +
                               "' cannot grow: no space left on the disk; free some"));
  FoldResult folded;
  CHECK(Store::of({disk}, folded).undone().empty());
  CHECK(folded.problems ==
        std::vector<std::string>{"no space is left on the disk of '" + disk +
                                 "'; the index is built in memory, which takes longer"});
  CHECK_THROWS_AS(rebuild_index({disk}), Error);
  CHECK_FALSE(fs::exists(path.string() + ".new"));
  fs::remove(filler);
  run_program({"mount", "-o", "remount,size=8m", disk});
  Store store = Store::open(path), anew = Store::in_memory();
  store.fold_in(place.workspace);
  anew.fold_in(place.workspace);
  CHECK(store.dump() == anew.dump());
  store = Store::in_memory();
  run_program({"umount", disk});
}

TEST_CASE("on a network file system no log is shared, even for an index that had one", "[slow]") {
  if (find_program("bindfs").empty()) SKIP("no bindfs on this machine to stand for one");
  FilledWorkspace place;
  place.fill();
  Store::open(place.workspace.database());
  const TempFolder mounted;
  const std::string net = mounted.path().string();
  if (run_program({"bindfs", place.folder.path().string(), net}).exit_code != 0)
    SKIP("FUSE cannot be used here");
  {
    const Workspace workspace{net};
    CHECK(open_database(workspace.database())->execAndGet("PRAGMA journal_mode").getString() ==
          "delete");
    Store store = Store::open(workspace.database());
    CHECK(store.fold_in(workspace).taken == 4);
    CHECK_FALSE(fs::exists(workspace.database().string() + "-wal"));
    CHECK(check_index(workspace).empty());
  }
  CHECK(run_program({"umount", net}).exit_code == 0);
}

TEST_CASE("if nothing may be written the store is built in memory") {
  FilledWorkspace place;
  place.fill();
  const Nobody nobody(place.workspace.root);
  fs::permissions(place.workspace.root, fs::perms::owner_read | fs::perms::owner_exec);
  FoldResult folded;
  const Store store = Store::of(place.workspace, folded);
  fs::permissions(place.workspace.root, fs::perms::owner_all);
  CHECK(store.run("aaaa"));
  CHECK(folded.problems.empty());
  CHECK_FALSE(fs::exists(place.workspace.database()));
}

TEST_CASE("an index that may not be written is left alone, and that is said") {
  FilledWorkspace place;
  place.fill();
  const fs::path path = place.workspace.database();
  Store::open(path).fold_in(place.workspace);
  place.status("trainings", "dddd", State::kDone);
  place.put("trainings/dddd/spec.toml", "");
  const Nobody nobody(place.workspace.root);
  fs::permissions(path, fs::perms::owner_read);
  FoldResult folded;
  const Store store = Store::of(place.workspace, folded);
  CHECK(store.run("dddd"));
  CHECK(folded.problems ==
        std::vector<std::string>{"'" + path.string() +
                                 "' cannot be written; the index is built in memory, which takes "
                                 "longer"});
}

TEST_CASE("a rebuild does not replace the database of somebody else") {
  FilledWorkspace place;
  place.fill();
  const fs::path path = place.workspace.database();
  SQLite::Database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE photos(name)");
  CHECK_THROWS_MATCHES(rebuild_index(place.workspace), Error,
                       Message("'" + path.string() + "' is not a database of xp; move it away"));
  fs::remove(path);
  CHECK(rebuild_index(place.workspace).taken == 4);
}

TEST_CASE("a schema that somebody changed is named, with the way out") {
  FilledWorkspace place;
  place.fill();
  const fs::path path = place.workspace.database();
  Store store = Store::open(path);
  store.fold_in(place.workspace);
  open_database(path)->exec("DROP TABLE summary");
  CHECK_THROWS_MATCHES(store.run("aaaa"), Error,
                       Message("database '" + path.string() +
                               "' is not as xp made it (no such table: summary); `xp db rebuild` "
                               "rebuilds it from the run folders"));
}

TEST_CASE("what is no number in a run's files is kept out of every sum") {
  FilledWorkspace place;
  place.put("trainings/aaaa/attempts/1/events.jsonl",
            "{\"event\":\"update\",\"update\":1,\"seconds\":1,\"values\":{\"loss\":NaN}}\n"
            "{\"event\":\"update\",\"update\":2,\"seconds\":1,\"values\":{\"loss\":null,"
            "\"a.b.c.entropy\":1e999,\"text\":\"x\",\"list\":[1]}}\n"
            "{\"event\":\"update\",\"update\":-3,\"seconds\":1,\"values\":{\"loss\":4}}\n"
            "{\"event\":\"start\",\"update\":-9,\"seconds\":1,\"values\":{}}\n"
            "{\"event\":\"update\",\"update\":4,\"seconds\":1,\"values\":{\"loss\":2}}\n");
  place.put("trainings/aaaa/spec.toml", "[train]\nseed = 1\n");
  place.status("trainings", "aaaa", State::kDone,
               {{"step_ms", std::nan("")}, {"bleu", INFINITY}, {"text", "x"}});
  Store store = Store::in_memory();
  CHECK(store.fold_in(place.workspace).problems.empty());
  CHECK(store.run("aaaa")->status.summary == Value::object());
  const auto loss = store.series("aaaa", "loss");
  REQUIRE(loss.size() == 2);  // lines that are no JSON are nobody's
  CHECK(loss.back().second == 2);
}

TEST_CASE("a run of a newer xp is a problem that names the way out") {
  FilledWorkspace place;
  place.put("trainings/aaaa/status.json",
            R"({"schema": 9, "state": "done", "attempt": 1, "started_s": 0, "ended_s": 0,
                "cause": "", "summary": {}})");
  Store store = Store::in_memory();
  CHECK(store.fold_in(place.workspace).problems ==
        std::vector<std::string>{"'" + (place.workspace.training("aaaa") / "status.json").string() +
                                 "' was written by a newer xp (schema 9, this one knows 1); use "
                                 "that xp"});
}

TEST_CASE("names in any script and with any sign reach the table as they are") {
  FilledWorkspace place;
  const std::string name = "模型 \"a\\b\" $x_1%&#{}~^ 'é' \n<b>";
  const std::vector<ReportPoint> points = {{{{"model.use", name}}, RunIds{"aaaa", "bbbb"}, 1}};
  place.put("experiments/quick/plan.json",
            Value{{"schema", 1}, {"points", to_json(points)}}.dump());
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  ReportSection section;
  section.rows = {"model"};
  ReportInput input;
  input.points = store.points("quick");
  CHECK(make_report(section, input).rows[0][0].text == name);
}

}  // namespace
}  // namespace xp
