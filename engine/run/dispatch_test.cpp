// What happens to runs whose worker succeeds, fails, is killed or has nothing to do. The worker is
// a shell script.
#include "engine/run/dispatch.h"

#include "engine/base/toml.h"
#include "engine/launch/ranks.h"
#include "results/runs/checkpoints.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

namespace xp {
namespace {

// The launcher `local` without its registration, which is in plugins/.
struct Here final : Launcher {
  struct Config {
    void describe(auto&) {}
  };
  explicit Here(const Config&) {}
  std::unique_ptr<RunningJob> start(const LaunchJob& job) const override { return start_here(job); }
};
XP_REGISTER(Launcher, Here, "here", "for tests");

constexpr const char* kDone =
    R"(test "$1" = evaluate || { mkdir -p "$2/checkpoints";)"
    R"( touch "$2/checkpoints/update-00000001.safetensors"; }; )"
    R"(echo '{"schema":1,"state":"done","attempt":1,"started_s":1,)"
    R"("ended_s":2,"cause":"","summary":{"updates":1}}' > "$2/status.json")";

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
  static Settings settings(int seed, int beam, const Value& launch = {{"use", "here"}}) {
    const auto section = [](Value table) {
      Section out;
      out.table = std::move(table);
      return out;
    };
    std::map<std::string, Section> all = {{"corpus", section({{"use", "dummy"}})},
                                          {"train", section({{"seed", seed}})},
                                          {"eval", section({{"beam", beam}})},
                                          {"launch", section(launch)}};
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

  DispatchResult run(int64_t jobs = 1) {
    fs::remove(folder.path() / "calls");
    DispatchSettings settings;
    settings.workspace = workspace();
    settings.programs = {program(), program(), {}};
    settings.command_line = {"xp", "run"};
    settings.style = Progress::Style::kQuiet;
    settings.jobs = jobs;
    settings.only = only;
    settings.stop_request = stop_request;
    return Dispatch(settings, prepare).run(plan);
  }
  std::string calls() const {
    const fs::path file = folder.path() / "calls";
    return fs::exists(file) ? read_file(file) : "";
  }
  Workspace workspace() const { return {folder.path() / "w"}; }
  const Point& point(size_t i) const { return plan.points.at(i); }

  TempFolder folder;
  std::set<std::string> only;
  std::function<StopRequest()> stop_request = [] { return StopRequest::kNone; };
  Plan plan{"t", {}, {}, {}, 0, 0, {}, {}};
  Dispatch::Prepare prepare = [](const Value&) { return "c0ffee"; };
};

TEST_CASE("each training is done once, directly followed by its evaluations") {
  Scene scene;
  const DispatchResult result = scene.run();
  CHECK(result.failures.empty());
  CHECK(result.started == 6);
  CHECK(scene.plan.count(PointState::kDone) == 4);
  const auto ids = [&](size_t point) { return *scene.point(point).ids; };
  CHECK(scene.calls() == fmt::format("train {}\nevaluate {}\nevaluate {}\n"
                                     "train {}\nevaluate {}\nevaluate {}\n",
                                     ids(0).training, ids(0).evaluation, ids(1).evaluation,
                                     ids(2).training, ids(2).evaluation, ids(3).evaluation));
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
  CHECK(scene.calls() == fmt::format("evaluate {}\n", scene.point(0).ids->evaluation));
}

TEST_CASE("a new evaluation of a training without its checkpoint trains again") {
  Scene scene;
  scene.run();
  const Workspace workspace = scene.workspace();
  const fs::path training = workspace.training(scene.point(0).ids->training);
  fs::remove(checkpoint_file(training / "checkpoints", 1));
  scene.plan.points.resize(2);
  scene.plan.points[0].resolved = Scene::settings(1, 9);
  identify(scene.plan, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
  read_states(scene.plan, workspace);
  CHECK(scene.point(0).state == PointState::kNoCheckpoint);
  CHECK(scene.point(0).cause == "its checkpoint is gone, so it is trained again");
  CHECK(scene.point(1).state == PointState::kDone);
  CHECK(scene.run().started == 2);
  CHECK(scene.calls() == fmt::format("train {}\nevaluate {}\n", scene.point(0).ids->training,
                                     scene.point(0).ids->evaluation));
  CHECK(scene.plan.count(PointState::kDone) == 2);
}

TEST_CASE("files of which a power failure left only the names do not keep a run from resuming") {
  Scene scene;
  const fs::path run = scene.workspace().training(scene.point(0).ids->training);
  for (const char* name : {"status.json", "spec.toml", "provenance.json",
                           "attempts/1/launcher.json", "attempts/1/end.json"})
    write_atomic(run / name, "");
  CHECK(scene.run().failures.empty());
  CHECK(scene.plan.count(PointState::kDone) == 4);
  CHECK(last_attempt(run) == 2);
  CHECK(load_toml((run / "spec.toml").string())["train"]["seed"] == 1);
  CHECK(read_end(attempt_folder(run, 1))->outcome == Outcome::kStopped);
}

TEST_CASE("a run's folder says what was run before it starts") {
  Scene scene;
  scene.engine("test -s \"$2/spec.toml\" && test -s \"$2/provenance.json\" || exit 1");
  CHECK(scene.run().failures.empty());
  const Value spec = load_toml(
      (scene.workspace().evaluation(scene.point(0).ids->evaluation) / "spec.toml").string());
  CHECK(spec["training_id"] == scene.point(0).ids->training);
  CHECK(spec["corpus_id"] == "c0ffee");
  CHECK(spec["eval"]["beam"] == 1);
}

TEST_CASE("a failed training keeps its evaluations from starting, not the other trainings") {
  Scene scene;
  scene.engine(fmt::format("case $2 in *{}) exit 3;; esac", scene.point(0).ids->training));
  const DispatchResult result = scene.run();
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].name == "seed=1 beam=1");
  CHECK(result.failures[0].cause == "rank 0 ended with exit code 3");
  CHECK(result.failures[0].outcome == Outcome::kUser);
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
  CHECK(last_attempt(scene.workspace().training(scene.point(0).ids->training)) == 2);
}

TEST_CASE("a killed run resumes as a new attempt") {
  Scene scene;
  const fs::path folder = scene.workspace().training(scene.point(0).ids->training);
  next_attempt(folder);
  write_status(folder, {State::kRunning, 1, 0, 0, "", Value::object()});
  CHECK(scene.run().failures.empty());
  CHECK(last_attempt(folder) == 2);
}

TEST_CASE("a request to stop ends what runs, starts no other and leaves it to be resumed") {
  Scene scene;
  const fs::path asked = scene.folder.path() / "asked";
  scene.engine(fmt::format("trap 'exit 143' TERM; touch '{}'; while :; do sleep 0.05; done",
                           asked.string()));
  scene.stop_request = [asked] {
    return fs::exists(asked) ? StopRequest::kStopAll : StopRequest::kNone;
  };
  const DispatchResult result = scene.run();
  CHECK(result.stopped);
  CHECK(result.failures.empty());
  CHECK(result.started == 1);
  CHECK(scene.point(0).state == PointState::kStopped);
  const fs::path training = scene.workspace().training(scene.point(0).ids->training);
  CHECK(read_end(attempt_folder(training, 1))->outcome == Outcome::kStopped);
}

TEST_CASE("points that no worker ever got are done by the next run") {
  Scene scene;
  scene.stop_request = [&] {
    return scene.calls().empty() ? StopRequest::kNone : StopRequest::kStartNoMore;
  };
  CHECK(scene.run().started == 1);
  scene.stop_request = [] { return StopRequest::kNone; };
  CHECK(scene.run().started == 5);
  CHECK(scene.plan.count(PointState::kDone) == 4);
}

TEST_CASE("a request to start no more lets running runs finish") {
  Scene scene;
  const fs::path asked = scene.folder.path() / "asked";
  scene.engine(fmt::format("touch '{}'; sleep 0.3", asked.string()));
  scene.stop_request = [asked] {
    return fs::exists(asked) ? StopRequest::kStartNoMore : StopRequest::kNone;
  };
  const DispatchResult result = scene.run();
  CHECK(result.stopped);
  CHECK(result.started == 1);
  const fs::path training = scene.workspace().training(scene.point(0).ids->training);
  CHECK(read_status(training).state == State::kDone);
}

TEST_CASE("runs asked for by id are done with their training, the others are not") {
  Scene scene;
  scene.only = {scene.point(1).ids->evaluation};
  CHECK(scene.run().started == 2);
  CHECK(scene.calls() == fmt::format("train {}\nevaluate {}\n", scene.point(1).ids->training,
                                     scene.point(1).ids->evaluation));
}

TEST_CASE("several runs at a time use processors of their own and say with whom they shared") {
  Scene scene;
  // Each training waits until the other one has begun: one at a time would never end.
  scene.engine(
      fmt::format("taskset -cp $$ > \"$2/cores\"; test $1 = evaluate || {{ touch "
                  "'{0}'/began-${{2##*/}}; while test $(ls '{0}' | grep -c began-) -lt 2; "
                  "do sleep 0.05; done; }}",
                  scene.folder.path().string()));
  if (own_cores().size() < 2) SKIP("one processor");
  const DispatchResult result = scene.run(2);
  CHECK(result.failures.empty());
  CHECK(result.started == 6);
  std::set<std::string> cores;
  for (const size_t i : {0, 2}) {
    const fs::path training = scene.workspace().training(scene.point(i).ids->training);
    CHECK(read_start(attempt_folder(training, 1))->shared_with == 1);
    const std::string said = read_file(training / "cores");
    cores.insert(said.substr(said.rfind(' ')));
  }
  CHECK(cores.size() == 2);
}

TEST_CASE("a rank that runs out of memory has failed for that") {
  Scene scene;
  scene.engine("echo 'terminate called after throwing an instance of std::bad_alloc'; exit 134");
  const DispatchResult result = scene.run();
  CHECK(result.failures.at(0).outcome == Outcome::kMemory);
  const fs::path training = scene.workspace().training(scene.point(0).ids->training);
  CHECK(read_end(attempt_folder(training, 1))->outcome == Outcome::kMemory);
}

TEST_CASE("with on_oom = halve it resumes in smaller parts, however often") {
  Scene scene;
  scene.plan.points.resize(1);
  scene.plan.points[0].resolved = Scene::settings(1, 1, {{"use", "here"}, {"on_oom", "halve"}});
  identify(scene.plan, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
  scene.engine(
      "grep -q 'micro_batch_split = 4' \"$2/spec.toml\" || test $1 = evaluate || "
      "{ echo 'not enough memory'; exit 1; }");
  const DispatchResult result = scene.run();
  CHECK(result.failures.empty());
  const fs::path training = scene.workspace().training(scene.point(0).ids->training);
  CHECK(last_attempt(training) == 3);
  CHECK(Value::parse(read_file(training / "provenance.json"))["micro_batch_split"] == 4);
}

TEST_CASE("an attempt says why it was asked to end before it has ended") {
  Scene scene;
  const fs::path started = scene.folder.path() / "started";
  scene.engine(
      fmt::format("trap 'cp \"$2/attempts/1/asked\" \"{0}-asked\"; exit 143' TERM; "
                  "touch '{0}'; while :; do sleep 0.05; done",
                  started.string()));
  scene.stop_request = [started] {
    return fs::exists(started) ? StopRequest::kStopAll : StopRequest::kNone;
  };
  scene.run();
  CHECK(read_file(started.string() + "-asked") == "stopped\n");
}

TEST_CASE("an attempt that nobody saw the end of is told so once the run resumes") {
  Scene scene;
  const fs::path folder = scene.workspace().training(scene.point(0).ids->training);
  next_attempt(folder);
  write_status(folder, {State::kRunning, 1, 0, 0, "", Value::object()});
  scene.run();
  CHECK(read_end(attempt_folder(folder, 1))->cause == "the xp that watched over it was ended");
  CHECK(read_end(attempt_folder(folder, 2))->outcome == Outcome::kDone);
}

TEST_CASE("a corpus that cannot be prepared ends everything if nothing else can be done") {
  Scene scene;
  scene.prepare = [](const Value&) -> std::string { user_error("train.en is missing"); };
  CHECK_THROWS_AS(scene.run(), Error);
  CHECK(scene.calls() == "");
}

}  // namespace
}  // namespace xp
