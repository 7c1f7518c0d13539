// Points, ids, states and rules between settings.
#include "engine/plan/plan.h"

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/experiment/catalog_fixture.h"
#include "engine/plan/plan_fixture.h"
#include "results/runs/checkpoints.h"
#include "results/runs/tensor_file.h"
#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

#include <array>
#include <set>

namespace xp {
namespace {

// An experiment in a folder of its own.
struct Planned {
  explicit Planned(const std::string& text) : catalog(fixture_catalog()) {
    const fs::path file = folder.path() / "x.toml";
    write_atomic(file, "name = \"t\"\n[corpus]\nuse = \"dummy\"\n" + text);
    const Spec spec = load_spec(file.string(), {}, catalog, problems);
    problems.raise();
    plan = make_plan(spec, catalog, problems);
  }
  Planned& identified(const CorpusIdentity& corpus = {"c0ffee", ""}) {
    identify(plan, [&corpus](const Value&) { return corpus; });
    return *this;
  }
  std::string first_problem() const {
    return problems.empty() ? "" : problems.all().front().message;
  }
  TempFolder folder;
  Catalog catalog;
  Problems problems;
  Plan plan;
};

std::vector<std::string> names(const Planned& planned) {
  std::vector<std::string> out;
  for (const auto& point : planned.plan.points)
    out.push_back(point.name);
  return out;
}

const char* const kShares =
    "[sweep]\nexchange = [\"gshard\", \"scomoe-seq\"]\n\"model.moe.exchange.alpha\" = [0.25, 0.5]\n"
    "\"model.moe.exchange.beta\" = [0.5]\n";

TEST_CASE("points that become equal when keys are dropped are merged and counted") {
  const Planned planned(kShares);
  CHECK(names(planned) == std::vector<std::string>{"exchange=gshard",
                                                   "exchange=scomoe-seq alpha=0.25 beta=0.5",
                                                   "exchange=scomoe-seq alpha=0.5 beta=0.5"});
  CHECK(planned.plan.merged == 1);
}

TEST_CASE("a dense point is one, however often what experts have varies") {
  Planned planned(
      "[sweep]\nexchange = [\"dense\", \"gshard\"]\n\"model.moe.capacity_factor\" = [1.0, 2.0]\n"
      "\"eval.capacity_fraction\" = [0.5, 1.0]\n");
  CHECK(names(planned) ==
        std::vector<std::string>{"exchange=dense",
                                 "exchange=gshard capacity_factor=1.0 capacity_fraction=0.5",
                                 "exchange=gshard capacity_factor=1.0 capacity_fraction=1.0",
                                 "exchange=gshard capacity_factor=2.0 capacity_fraction=0.5",
                                 "exchange=gshard capacity_factor=2.0 capacity_fraction=1.0"});
  CHECK(planned.plan.merged == 3);
}

TEST_CASE("rates of links can be swept, and are in no id of an experiment without them") {
  Planned swept("[sweep]\n\"launch.links.inter\" = [\"100mbit\", \"1gbit\"]\n");
  CHECK(names(swept) == std::vector<std::string>{"inter=100mbit", "inter=1gbit"});
  swept.identified();
  CHECK(swept.plan.points[0].ids->training != swept.plan.points[1].ids->training);
  Planned none("");
  none.identified();
  const Settings& settings = none.plan.points[0].settings();
  CHECK(settings.find("launch.links.inter") == nullptr);
  Planned slower("[launch.links]\ninter = \"100mbit\"\n");
  CHECK(slower.identified().plan.points[0].ids != none.plan.points[0].ids);
}

TEST_CASE("a point has the same ids alone as beside others") {
  const char* const kAxes[] = {"every = [0, 2]", "every = [2, 0]",
                               "exchange = [\"dense\", \"gshard\"]"};
  std::map<std::string, std::string> evaluations;
  for (const char* axis : kAxes) {
    Planned planned(std::string("[sweep]\n") + axis + "\n");
    for (const auto& point : planned.identified().plan.points) {
      const auto [at, is_new] = evaluations.try_emplace(point.ids->training, point.ids->evaluation);
      CHECK(at->second == point.ids->evaluation);
    }
  }
  CHECK(evaluations.size() == 2);
  CHECK(Planned("").identified().plan.points[0].ids->evaluation ==
        evaluations.at(Planned("").identified().plan.points[0].ids->training));
}

std::set<std::string> evaluations_of(const std::string& text) {
  Planned planned(text);
  std::set<std::string> out;
  for (const auto& point : planned.identified().plan.points)
    CHECK(out.insert(point.ids->evaluation).second);
  return out;
}

TEST_CASE("a product of axes has the points that its combinations have one by one") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> axes = {
      {"model.moe.exchange.alpha", {"0.0", "0.25"}},  // before the axis that it depends on
      {"model.moe.exchange.use", {"'dense'", "'gshard'", "'scomoe-seq'", "'scomoe-feat'"}},
      {"model.moe.exchange.beta", {"0.25", "0.5"}},
      {"model.moe.every", {"0", "2"}},
      {"model.moe.router.use", {"'top1'", "'top2'"}},
      {"model.moe.router.normalize", {"true", "false"}},
      {"model.preset", {"'base'", "'tiny'"}},
      {"eval.exchange.alpha", {"0.0", "0.5"}},
      {"train.schedule.warmup_updates", {"10", "20"}},
      {"train.schedule.use", {"'constant'", "'inverse-sqrt'"}}};
  std::string product = "[sweep]\n";
  std::vector<std::string> points = {""};
  for (const auto& [path, values] : axes) {
    product += "'" + path + "' = [" + join(values, ", ") + "]\n";
    std::vector<std::string> longer;
    for (const auto& point : points) {
      for (const auto& value : values)
        longer.push_back(point + "'" + path + "' = " + value + "\n");
    }
    points = std::move(longer);
  }
  CHECK(points.size() == 2048);
  const auto found = evaluations_of(product);
  CHECK(found == evaluations_of("[[sweep.points]]\n" + join(points, "[[sweep.points]]\n")));
  CHECK(found.size() == 312);  // 2 presets, 3 schedules; dense, 3 of gshard, 48 of scomoe
}

const char* const kFolders =
    "[sweep]\n'corpus.use, corpus.path' = { zip = [[\"moses\", \"small\"], [\"moses\", \"large\"]] "
    "}\n";

TEST_CASE("each value of an axis over files is a point, whatever the files are called") {
  const Planned planned(kFolders);
  CHECK(names(planned) ==
        std::vector<std::string>{"corpus=moses path=small", "corpus=moses path=large"});
  CHECK(planned.plan.merged == 0);
}

TEST_CASE("files with the same content are one run, which is an error that names both points") {
  Planned planned(kFolders);
  CHECK_THROWS_WITH(
      planned.identified(),
      "the points 'corpus=moses path=small' and 'corpus=moses path=large' are the same "
      "run: their files have the same content; remove one of them from [sweep]");
  identify(planned.plan, [](const Value& corpus) {
    return CorpusIdentity{corpus["path"].get<std::string>(), ""};
  });
  CHECK(planned.plan.points[0].ids->training != planned.plan.points[1].ids->training);
}

void put_initial(const fs::path& file, float value) {
  const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
  write_tensor_file(file, {{"a", {"F32", {1}, bytes}}}, nullptr);
}

TEST_CASE("the id of a training depends on the content of train.init_from, not on its name") {
  const std::string none = Planned("").identified().plan.points[0].ids->training;
  Planned planned("[sweep]\n'train.init_from' = [\"a.safetensors\", \"b.safetensors\"]\n");
  put_initial(planned.folder.path() / "a.safetensors", 1);
  put_initial(planned.folder.path() / "b.safetensors", 2);
  const auto& points = planned.identified().plan.points;
  const std::string a = points[0].ids->training, b = points[1].ids->training;
  CHECK(std::set<std::string>{none, a, b}.size() == 3);

  Planned other("[train]\ninit_from = \"sub/c.safetensors\"\n");
  put_initial(other.folder.path() / "sub" / "c.safetensors", 1);
  CHECK(other.identified().plan.points[0].ids->training == a);
}

TEST_CASE("a point without the file of train.init_from is blocked") {
  Planned planned("[train]\ninit_from = \"gone.safetensors\"\n");
  const Point& point = planned.identified().plan.points[0];
  CHECK(point.state == PointState::kBlocked);
  CHECK(point.cause ==
        fmt::format("train.init_from: '{}' cannot be opened: No such file or directory",
                    (planned.folder.path() / "gone.safetensors").string()));
  CHECK_FALSE(point.ids);
}

TEST_CASE("a file of train.init_from that is gone keeps the id that it had") {
  Planned planned("[train]\ninit_from = \"a.safetensors\"\n");
  const fs::path file = planned.folder.path() / "a.safetensors";
  put_initial(file, 1);
  const auto before = planned.identified().plan.points[0].ids;
  fs::remove(file);
  const Point& point = planned.identified().plan.points[0];
  CHECK(point.ids == before);
  CHECK(point.state == PointState::kBlocked);
}

TEST_CASE("an axis that no point uses is noted") {
  const Planned planned("[sweep]\nexchange = [\"dense\"]\nexperts = [4, 8]\n");
  CHECK(names(planned) == std::vector<std::string>{"exchange=dense"});
  CHECK(planned.plan.notes ==
        std::vector<std::string>{
            "the axis 'experts' changes nothing: no point has a component that uses it"});
}

TEST_CASE("a point of a sweep has the ids that it has with its settings written out") {
  const std::pair<std::string, std::array<std::string, 2>> kAxes[] = {
      {"train.seed", {"1", "2"}},
      {"train.optimizer.lr", {"1", "5e-4"}},
      {"train.optimizer.betas", {"[0.9, 0.98]", "[0, 1]"}},
      {"train.schedule.use", {"'constant'", "'inverse-sqrt'"}},
      {"launch.nodes", {"1", "2"}},
      {"corpus.language_tokens.target", {"true", "false"}},  // has no default
      {"corpus.sampling.temperature", {"2", "inf"}}};
  for (const auto& [path, values] : kAxes) {
    INFO(path);
    Planned sweep("[sweep]\n'" + path + "' = [" + values[0] + ", " + values[1] + "]\n");
    sweep.identified();
    REQUIRE(sweep.plan.points.size() == 2);
    for (size_t i = 0; i < 2; ++i) {
      const size_t dot = path.rfind('.');
      Planned alone("[" + path.substr(0, dot) + "]\n" + path.substr(dot + 1) + " = " + values[i] +
                    "\n");
      const Point& point = alone.identified().plan.points[0];
      CHECK(sweep.plan.points[i].ids->evaluation == point.ids->evaluation);
      CHECK(sweep.plan.points[i].settings().whole() == point.settings().whole());
    }
  }
}

TEST_CASE("where keeps and exclude removes points") {
  const Planned planned(std::string(kShares) +
                        "where = \"alpha + beta <= 0.75\"\nexclude = \"exchange == 'gshard'\"\n");
  CHECK(names(planned) == std::vector<std::string>{"exchange=scomoe-seq alpha=0.25 beta=0.5"});
  CHECK(planned.plan.excluded == 3);
}

TEST_CASE("a sweep without points is a problem") {
  CHECK(Planned("[sweep]\nseed = [1]\nwhere = \"seed > 1\"\n").first_problem() ==
        "'where' and 'exclude' in [sweep] leave no point");
}

TEST_CASE("an evaluation setting gives new evaluations of one training") {
  Planned planned("[sweep]\n\"eval.beam\" = [1, 5]\n");
  const auto& points = planned.identified().plan.points;
  CHECK(points[0].ids->training == points[1].ids->training);
  CHECK(points[0].ids->evaluation != points[1].ids->evaluation);
}

TEST_CASE("ids do not depend on the order of keys or on comments") {
  Planned a("[model]\nwidth = 64\nheads = 4\n[train]\nseed = 3\n"),
      b("[train]\nseed = 3 # three\n[model]\nheads = 4\nwidth = 64\n");
  CHECK(a.identified().plan.points[0].ids->evaluation ==
        b.identified().plan.points[0].ids->evaluation);
}

TEST_CASE("a missing input blocks the point and hides its ids") {
  Planned planned("");
  const auto& point = planned.identified({std::nullopt, "train.en is missing"}).plan.points[0];
  CHECK(point.state == PointState::kBlocked);
  CHECK(point.cause == "train.en is missing");
  CHECK_FALSE(point.ids.has_value());
}

TEST_CASE("a missing input of an experiment that has run blocks what is not done") {
  Planned planned("[sweep]\nseed = [1, 2]\n");
  auto& points = planned.identified({"c0ffee", "train.en is missing"}).plan.points;
  const Workspace workspace{planned.folder.path()};
  for (const auto& folder : {workspace.training(points[0].ids->training),
                             workspace.evaluation(points[0].ids->evaluation)}) {
    fs::create_directories(folder);
    write_status(folder, {State::kDone, 1, 0, 0, "", Value::object()});
  }
  read_states(planned.plan, workspace);
  CHECK(points[0].state == PointState::kDone);
  CHECK(points[1].state == PointState::kBlocked);
  CHECK(points[1].cause == "train.en is missing");
  planned.identified({"c0ffee", "train.en is missing"});
  CHECK(points[0].state == PointState::kDone);
}

TEST_CASE("states come from the folders") {
  Planned planned("");
  auto& point = planned.identified().plan.points[0];
  const Workspace workspace{planned.folder.path()};
  const auto state_after = [&](const fs::path& folder, State state) {
    fs::create_directories(folder);
    write_status(folder, {state, 1, 0, 0, "it broke", {{"updates", 1}}});
    read_states(planned.plan, workspace);
    return point.state;
  };
  const fs::path training = workspace.training(point.ids->training);
  const fs::path evaluation = workspace.evaluation(point.ids->evaluation);
  CHECK(state_after(training, State::kRunning) == PointState::kStopped);  // nobody holds it
  CHECK(state_after(training, State::kFailed) == PointState::kFailed);
  CHECK(point.cause == "it broke");
  CHECK(state_after(training, State::kDone) == PointState::kNoCheckpoint);
  write_atomic(checkpoint_file(training / "checkpoints", 1), "");
  CHECK(state_after(training, State::kDone) == PointState::kNew);
  CHECK(state_after(evaluation, State::kDone) == PointState::kDone);
}

TEST_CASE("a point whose training or evaluation waits in a job is queued") {
  Planned planned("");
  auto& point = planned.identified().plan.points[0];
  const Workspace workspace{planned.folder.path()};
  const auto queue = [&](const std::string& run) {
    put_into_job(workspace, run, JobPhase::kQueued, "12", "Priority");
    read_states(planned.plan, workspace);
  };
  queue("evaluations/" + point.ids->evaluation);
  CHECK(point.state == PointState::kQueued);
  write_status(workspace.training(point.ids->training),
               {State::kFailed, 1, 0, 0, "it broke", Value::object()});
  read_states(planned.plan, workspace);  // its evaluation waits for nothing
  CHECK(point.state == PointState::kFailed);
  queue("trainings/" + point.ids->training);
  CHECK(point.state == PointState::kQueued);
  CHECK(point.cause == "job 12: Priority");
}

TEST_CASE("settings that do not fit together are found before anything starts") {
  CHECK(Planned("[model.moe.exchange]\nuse = \"scomoe-seq\"\nalpha = 0.6\n").first_problem() ==
        "alpha + beta in [model.moe.exchange] is 0.6 + 0.5; must be at most 1");
  CHECK(Planned("[model.moe]\nexperts = 10\n[launch]\nnodes = 4\n").first_problem() ==
        "'experts' is 10, which 4 ranks cannot share equally");
  CHECK(Planned("[model]\nheads = 5\n").first_problem() ==
        "'heads' is 5, which does not divide 'width' 512");
  CHECK(Planned("[train]\nmax_tokens = 100\n").first_problem() ==
        "'max_tokens' in [train] is 100, but a sentence may have 100 pieces and </s>; raise it to "
        "at least 101 or lower 'max_length' in [corpus]");
}

TEST_CASE("any ranks and experts are allowed if the experts divide evenly or there are none") {
  CHECK(Planned("[model.moe]\nexperts = 8\n[launch]\nnodes = 4\n").problems.empty());
  CHECK(Planned("[model.moe]\nexperts = 3\nevery = 0\n[launch]\nnodes = 2\n").problems.empty());
  CHECK(Planned("[model.moe]\nexperts = 3\n[model.moe.exchange]\nuse = \"dense\"\n"
                "[launch]\nnodes = 2\n")
            .problems.empty());
}

TEST_CASE("a note stops nothing") {
  const Planned planned("[model]\nwidth = 12\nheads = 4\n");
  CHECK(planned.problems.empty());
  CHECK(planned.plan.notes == std::vector<std::string>{"'width' is 12; multiples of 8 are faster"});
}

TEST_CASE("figures follow from settings and from the figures of other components") {
  const auto parameters = [](const std::string& text) {
    return Planned(text).plan.points[0].assessment->figures.at("parameters");
  };
  CHECK(parameters("") == 512 * 8 + 8);
  CHECK(parameters("[model]\nwidth = 16\nheads = 2\n[model.moe.exchange]\nuse = \"dense\"\n") ==
        32);
  CHECK(parameters("[model.moe.exchange]\nuse = \"scomoe-seq\"\nalpha = 0.29\n") == 4096 + 29);
}

TEST_CASE("figures that planning asks for and components do not declare are named") {
  CHECK(
      Planned("").plan.unpredicted ==
      std::vector<std::string>{
          "the model 'transformer' declares no parameters_on_rank, flops, dense_flops, "
          "full_flops, expert_flops, exchanges, shared_parameters, late_parameters, output_flops, "
          "local_bytes, in_node_bytes, inter_node_bytes, fixed_inter_node_bytes, global_share, "
          "gradient_inter_node_bytes, memory_bytes, checkpoint_bytes: what follows from them is "
          "neither predicted nor checked",
          "the router 'top2' declares no choices: what follows from it is neither predicted nor "
          "checked",
          "the exchange 'gshard' declares no global_share, expert_rows, local_rows, in_node_rows, "
          "inter_node_rows: what follows from them is neither predicted nor checked",
          "the optimizer 'adam' declares no state_values: what follows from it is neither "
          "predicted nor checked"});
}

TEST_CASE("what a router would have to declare does not matter without experts") {
  const auto said = Planned("[model.moe]\nevery = 0\n").plan.unpredicted;
  CHECK(std::none_of(said.begin(), said.end(),
                     [](const std::string& one) { return one.find("router") != one.npos; }));
}

// The figures of a plan whose corpus knows `figures` of itself.
Assessment assessed(const Value& figures) {
  Planned planned("");
  Declaration model = fixture_model();
  model.figures = {{"parameters", "corpus.target_pieces * width"}};
  const Catalog catalog = fixture_catalog({model});
  Assessor assessor(catalog, [&](const Value&) { return figures; });
  return *assessor.assess(planned.plan.points[0].settings());
}

TEST_CASE("what a corpus knows of its own dictionaries goes before the vocabulary's settings") {
  CHECK(assessed(Value::object()).figures.at("parameters") == 32000 * 512);
  CHECK(assessed({{"target_pieces", 100}}).figures.at("parameters") == 100 * 512);
}

TEST_CASE("a figure that waits for the corpus is not predicted, and says so") {
  const Assessment unknown = assessed({{"target_pieces", nullptr}});
  CHECK(unknown.figures.empty());
  CHECK(unknown.unpredicted.back() ==
        "parameters cannot be predicted: 'corpus.target_pieces' has no value yet");
}

TEST_CASE("ids are hashes of the canonical text of what they depend on") {
  Planned planned(
      "[sweep]\nexchange = [\"dense\", \"scomoe-seq\"]\nseed = [1, 2]\nbeam = [1, 2]\n");
  for (const auto& point : planned.identified().plan.points) {
    Value training = Value::object(), evaluation = Value::object();
    for (const char* name : kPointSections) {
      const Section section =
          resolve_section(planned.catalog, name, point.settings().at(name),
                          evaluation_exchange(planned.catalog, point.settings().at("model")));
      training.update(section.training);
      evaluation.update(section.evaluation);
    }
    CHECK(point.ids->training == content_id({{"corpus", "c0ffee"}, {"settings", training}}));
    CHECK(point.ids->evaluation ==
          content_id({{"training", point.ids->training}, {"settings", evaluation}}));
  }
}

TEST_CASE("points share the sections that are equal") {
  const Planned planned("[sweep]\nseed = [1, 2]\n");
  const auto &first = planned.plan.points[0].settings(),
             &second = planned.plan.points[1].settings();
  CHECK(&first.at("model") == &second.at("model"));
  CHECK(first.at("train")["seed"] == 1);
  CHECK(second.at("train")["seed"] == 2);
}

TEST_CASE("one rule broken at many points is one problem") {
  const Planned planned("[sweep]\nheads = [5, 7, 8]\n");
  REQUIRE(planned.problems.all().size() == 1);
  CHECK(planned.first_problem() ==
        "'heads' is 5, which does not divide 'width' 512, at point 1 of 3 (heads=5) and 1 more");
}

}  // namespace
}  // namespace xp
