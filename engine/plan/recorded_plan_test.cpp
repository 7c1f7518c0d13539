// What an experiment's folder keeps of its plan, and what is found there again.
#include "engine/plan/recorded_plan.h"

#include "engine/experiment/catalog_fixture.h"
#include "engine/plan/plan_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <limits>

namespace xp {
namespace {

// Experiments in one workspace.
struct Scene {
  struct Planned {
    Spec spec;
    Plan plan;
  };

  Planned planned(const std::string& file_name, const std::string& text,
                  const std::vector<std::string>& sets = {}) const {
    const fs::path file = folder.path() / file_name;
    write_atomic(file, "name = \"t\"\n[corpus]\nuse = \"dummy\"\n" + text);
    Problems problems;
    Planned out;
    out.spec = load_spec(file.string(), sets, catalog, problems);
    problems.raise();
    out.plan = make_plan(out.spec, catalog, problems);
    problems.raise();
    identify(out.plan, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
    return out;
  }
  std::string place(const std::string& file, int line) const {
    return (folder.path() / file).string() + ":" + std::to_string(line);
  }

  TempFolder folder;
  Workspace workspace{folder.path() / "w"};
  Catalog catalog = fixture_catalog();
};

const char* const kSeeds =
    "[train]\nmax_updates = 9\n[sweep]\nseed = [1, 2]\n[[sweep.points]]\nmax_updates = 7\n";

TEST_CASE("a recorded plan has its points, its file and where each setting was written") {
  const Scene scene;
  const auto [spec, plan] = scene.planned("x.toml", kSeeds, {"eval.beam=3"});
  record_plan(plan, spec, {"eval.beam=3"}, scene.workspace);
  const fs::path folder = scene.workspace.experiment("t");
  const auto points = recorded_points(folder);
  REQUIRE(points.size() == 3);
  CHECK(points[1].name == plan.points[1].name);
  CHECK(points[1].ids->training == plan.points[1].ids->training);
  CHECK(points[1].ids->evaluation == plan.points[1].ids->evaluation);
  CHECK(points[2].further == 0);
  const RecordedSource source = recorded_source(folder).value();
  CHECK(source.file == spec.file);
  CHECK(source.sets == std::vector<std::string>{"eval.beam=3"});
  const auto of_axis = source.origins_of(points[1]), of_further = source.origins_of(points[2]);
  CHECK(of_axis.at("train.seed") == scene.place("x.toml", 7));
  CHECK(of_axis.at("train.max_updates") == scene.place("x.toml", 5));
  CHECK(of_axis.at("eval.beam") == "--set eval.beam=3");
  CHECK_FALSE(of_further.contains("train.seed"));
  CHECK(of_further.at("train.max_updates") == scene.place("x.toml", 9));
  CHECK(read_file(folder / "spec.toml") == read_file(spec.file));
}

TEST_CASE("ids that are not known are recorded as null and read as none") {
  const Scene scene;
  auto [spec, plan] = scene.planned("x.toml", "");
  identify(plan, [](const Value&) { return CorpusIdentity{}; });
  record_plan(plan, spec, {}, scene.workspace);
  CHECK(recorded_points(scene.workspace.experiment("t"))[0].ids == std::nullopt);
  CHECK(plan_json(plan)["points"][0]["training"].is_null());
}

TEST_CASE("a recorded plan knows what the files of train.init_from held") {
  const Scene scene;
  auto [spec, plan] = scene.planned("x.toml", kSeeds);
  plan.initial_ids = {{"a.safetensors", "5e1f"}};
  record_plan(plan, spec, {}, scene.workspace);
  CHECK(recorded_source(scene.workspace.experiment("t"))->initial_ids == plan.initial_ids);
}

TEST_CASE("infinite values of axes are texts in the recorded plan") {
  const Scene scene;
  const auto [spec, plan] = scene.planned("x.toml", "[sweep]\nclip_norm = [1.0, inf]\n");
  record_plan(plan, spec, {}, scene.workspace);
  const Value file = Value::parse(read_file(scene.workspace.experiment("t") / "plan.json"));
  CHECK(file["points"][0]["axes"]["train.clip_norm"] == 1.0);
  CHECK(file["points"][1]["axes"]["train.clip_norm"] == "inf");
  CHECK(plan.points[0].ids->training != plan.points[1].ids->training);
}

TEST_CASE("a plan is recorded again if its points, its file or --set have changed") {
  const Scene scene;
  const auto [spec, plan] = scene.planned("x.toml", kSeeds);
  CHECK_FALSE(is_recorded(plan, spec, {}, scene.workspace));
  record_plan(plan, spec, {}, scene.workspace);
  CHECK(is_recorded(plan, spec, {}, scene.workspace));
  CHECK_FALSE(is_recorded(plan, spec, {"train.seed=1"}, scene.workspace));
  const auto fewer = scene.planned("x.toml", "[train]\nmax_updates = 9\n[sweep]\nseed = [1]\n");
  CHECK_FALSE(is_recorded(fewer.plan, fewer.spec, {}, scene.workspace));
  const auto moved = scene.planned("y.toml", kSeeds);
  CHECK_FALSE(is_recorded(moved.plan, moved.spec, {}, scene.workspace));
}

TEST_CASE("a name belongs to the file that was recorded with it, as long as that exists") {
  const Scene scene;
  const auto [spec, plan] = scene.planned("x.toml", kSeeds);
  CHECK(other_file_of(spec, scene.workspace) == std::nullopt);
  record_plan(plan, spec, {}, scene.workspace);
  CHECK(other_file_of(spec, scene.workspace) == std::nullopt);
  const auto second = scene.planned("y.toml", kSeeds);
  CHECK(other_file_of(second.spec, scene.workspace) == spec.file);
  fs::create_symlink(spec.file, scene.folder.path() / "link.toml");
  Spec link = second.spec;
  link.file = (scene.folder.path() / "link.toml").string();
  CHECK(other_file_of(link, scene.workspace) == std::nullopt);
  fs::remove(spec.file);  // moved to y.toml
  CHECK(other_file_of(second.spec, scene.workspace) == std::nullopt);
}

TEST_CASE("a name belongs to its file, whatever bytes are in the file's name") {
  const Scene scene;
  const auto [spec, plan] = scene.planned("caf\xe9.toml", kSeeds);
  record_plan(plan, spec, {}, scene.workspace);
  CHECK(recorded_source(scene.workspace.experiment("t"))->file == spec.file);
  CHECK(is_recorded(plan, spec, {}, scene.workspace));
  CHECK(other_file_of(scene.planned("y.toml", kSeeds).spec, scene.workspace) == spec.file);
}

TEST_CASE("the runs of other experiments are those of their recorded plans") {
  const Scene scene;
  const auto [spec, plan] = scene.planned("x.toml", "");
  record_plan(plan, spec, {}, scene.workspace);
  CHECK(runs_of_others(scene.workspace, "t").empty());
  CHECK(runs_of_others(scene.workspace, "u") ==
        std::set<std::string>{plan.points[0].ids->training, plan.points[0].ids->evaluation});
}

}  // namespace
}  // namespace xp
