// What happens to runs whose worker succeeds, fails, is killed or has nothing to do. The worker is
// a shell script.
#include "engine/run/dispatch.h"

#include "engine/base/toml.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

namespace xp {
namespace {

// Starts one "rank" with the shell and waits: the launcher itself is tested elsewhere.
struct OneRank final : Launcher {
  struct Config {
    void describe(auto&) {}
  };
  explicit OneRank(const Config&) {}
  LaunchEnd run(const LaunchJob& job, const std::function<void()>& tick,
                const std::function<bool()>& stop) const override {
    std::string line;
    for (const auto& word : job.command)
      line += "'" + word + "' ";
    const int status =
        std::system((line + "> '" + (job.log_folder / "rank-0.log").string() + "' 2>&1").c_str());
    tick();
    if (stop()) return {.cancelled = true, .cause = ""};
    if (status == 0) return {.ok = true, .cause = ""};
    return {.rank = 0, .exit_code = WEXITSTATUS(status), .cause = "rank 0 ended"};
  }
};
XP_REGISTER(Launcher, OneRank, "one-rank", "for tests");

constexpr const char* kDone = R"(echo '{"schema":1,"state":"done","attempt":1,"started_s":1,)"
                              R"("ended_s":2,"cause":"","summary":{}}' > "$2/status.json")";

// Two trainings (seeds 1 and 2) with two evaluations (beams 1 and 2) each.
struct Scene {
  Scene() {
    for (const int seed : {1, 2}) {
      for (const int beam : {1, 2})
        add(seed, beam);
    }
    identify(plan, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
    engine("");
  }

  void add(int seed, int beam) {
    Point& point = plan.points.emplace_back();
    point.name = fmt::format("seed={} beam={}", seed, beam);
    point.resolved = settings(seed, beam);
  }
  static Settings settings(int seed, int beam) {
    const auto section = [](Value table) {
      Section out;
      out.table = std::move(table);
      return out;
    };
    std::map<std::string, Section> all = {{"corpus", section({{"use", "dummy"}})},
                                          {"train", section({{"seed", seed}})},
                                          {"eval", section({{"beam", beam}})},
                                          {"launch", section({{"use", "one-rank"}})}};
    all["train"].training = {{"train.seed", seed}};
    all["eval"].evaluation = {{"eval.beam", beam}};
    return Settings(all);
  }

  // A worker that notes its call in `calls`, does `script` and reports that it is done.
  void engine(const std::string& script) {
    const fs::path calls = folder.path() / "calls";
    write_atomic(program(), fmt::format("#!/bin/sh\necho \"$1 ${{2##*/}}\" >> '{}'\n{}\n{}\n",
                                        calls.string(), script, kDone));
    ::chmod(program().c_str(), 0755);
  }
  fs::path program() const { return folder.path() / "engine"; }

  DispatchResult run(std::function<bool()> stop = [] { return false; }) {
    fs::remove(folder.path() / "calls");
    DispatchSettings settings{workspace(), program(), {"xp", "run"}, Progress::Style::kQuiet, stop};
    return Dispatch(settings, prepare).run(plan);
  }
  std::string calls() const {
    const fs::path file = folder.path() / "calls";
    return fs::exists(file) ? read_file(file) : "";
  }
  Workspace workspace() const { return {folder.path() / "w"}; }
  const Point& point(size_t i) const { return plan.points.at(i); }

  TempFolder folder;
  Plan plan{"t", {}, {}, 0, 0, {}};
  Dispatch::Prepare prepare = [](const Value&) { return "c0ffee"; };
};

TEST_CASE("each training is done once, directly followed by its evaluations") {
  Scene scene;
  const DispatchResult result = scene.run();
  CHECK(result.failures.empty());
  CHECK(result.started == 6);
  CHECK(scene.plan.count(PointState::kDone) == 4);
  CHECK(scene.calls() == fmt::format("train {}\nevaluate {}\nevaluate {}\n"
                                     "train {}\nevaluate {}\nevaluate {}\n",
                                     scene.point(0).training_id, scene.point(0).evaluation_id,
                                     scene.point(1).evaluation_id, scene.point(2).training_id,
                                     scene.point(2).evaluation_id, scene.point(3).evaluation_id));
}

TEST_CASE("what is done is not started again") {
  Scene scene;
  scene.run();
  const DispatchResult again = scene.run();
  CHECK(again.started == 0);
  CHECK(scene.calls() == "");
}

TEST_CASE("a changed evaluation does not train again") {
  Scene scene;
  scene.run();
  scene.plan.points.resize(1);
  scene.plan.points[0].resolved = Scene::settings(1, 9);
  identify(scene.plan, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
  CHECK(scene.run().started == 1);
  CHECK(scene.calls() == fmt::format("evaluate {}\n", scene.point(0).evaluation_id));
}

TEST_CASE("a run's folder says what was run before it starts") {
  Scene scene;
  scene.engine("test -s \"$2/spec.toml\" && test -s \"$2/provenance.json\" || exit 1");
  CHECK(scene.run().failures.empty());
  const Value spec = load_toml(
      (scene.workspace().evaluation(scene.point(0).evaluation_id) / "spec.toml").string());
  CHECK(spec["training_id"] == scene.point(0).training_id);
  CHECK(spec["corpus_id"] == "c0ffee");
  CHECK(spec["eval"]["beam"] == 1);
}

TEST_CASE("a failed training keeps its evaluations from starting, not the other trainings") {
  Scene scene;
  scene.engine(fmt::format("case $2 in *{}) exit 3;; esac", scene.point(0).training_id));
  const DispatchResult result = scene.run();
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].name == "seed=1 beam=1");
  CHECK(result.failures[0].cause == "rank 0 ended");
  CHECK(scene.plan.count(PointState::kDone) == 2);
  CHECK(scene.plan.count(PointState::kFailed) == 2);
}

TEST_CASE("a worker that ends without a result has failed") {
  Scene scene;
  scene.engine("exit 0");
  CHECK(scene.run().failures.at(0).cause == "it ended without a result");
}

TEST_CASE("what failed is tried again as a new attempt") {
  Scene scene;
  scene.engine("exit 1");
  scene.run();
  scene.engine("");
  CHECK(scene.run().failures.empty());
  CHECK(last_attempt(scene.workspace().training(scene.point(0).training_id)) == 2);
}

TEST_CASE("a killed run goes on as a new attempt") {
  Scene scene;
  const fs::path folder = scene.workspace().training(scene.point(0).training_id);
  next_attempt(folder);
  write_status(folder, {State::kRunning, 1, 0, 0, "", Value::object()});
  CHECK(scene.run().failures.empty());
  CHECK(last_attempt(folder) == 2);
}

TEST_CASE("a stop ends the current run, starts no other and leaves it to be continued") {
  Scene scene;
  scene.engine(fmt::format("touch '{}'; exit 143", (scene.folder.path() / "asked").string()));
  const auto stop = [&scene] { return fs::exists(scene.folder.path() / "asked"); };
  const DispatchResult result = scene.run(stop);
  CHECK(result.stopped);
  CHECK(result.failures.empty());
  CHECK(result.started == 1);
  CHECK(scene.point(0).state == PointState::kNew);
}

TEST_CASE("a corpus that cannot be prepared ends everything where nothing else can be done") {
  Scene scene;
  scene.prepare = [](const Value&) -> std::string { user_error("train.en is missing"); };
  CHECK_THROWS_AS(scene.run(), Error);
  CHECK(scene.calls() == "");
}

}  // namespace
}  // namespace xp
