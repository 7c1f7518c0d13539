// Points, ids, states and rules between settings.
#include "engine/plan/plan.h"

#include "engine/base/hash.h"
#include "engine/spec/catalog_fixture.h"

#include <catch2/catch_test_macros.hpp>

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
  CHECK(points[0].training_id == points[1].training_id);
  CHECK(points[0].evaluation_id != points[1].evaluation_id);
}

TEST_CASE("ids do not depend on the order of keys or on comments") {
  Planned a("[model]\nwidth = 64\nheads = 4\n[train]\nseed = 3\n"),
      b("[train]\nseed = 3 # three\n[model]\nheads = 4\nwidth = 64\n");
  CHECK(a.identified().plan.points[0].evaluation_id == b.identified().plan.points[0].evaluation_id);
}

TEST_CASE("a missing input blocks the point and hides its ids") {
  Planned planned("");
  const auto& point = planned.identified({"", "train.en is missing"}).plan.points[0];
  CHECK(point.state == PointState::kBlocked);
  CHECK(point.cause == "train.en is missing");
  CHECK(point.evaluation_id == "?");
}

TEST_CASE("states come from the folders") {
  Planned planned("");
  auto& point = planned.identified().plan.points[0];
  const Workspace workspace{planned.folder.path()};
  const auto state_after = [&](const fs::path& folder, State state) {
    fs::create_directories(folder);
    write_status(folder, {state, 1, 0, 0, "it broke", Value::object()});
    read_states(planned.plan, workspace);
    return point.state;
  };
  const fs::path training = workspace.training(point.training_id);
  const fs::path evaluation = workspace.evaluation(point.evaluation_id);
  CHECK(state_after(training, State::kRunning) == PointState::kNew);  // nobody holds its lease
  CHECK(state_after(training, State::kFailed) == PointState::kFailed);
  CHECK(point.cause == "it broke");
  CHECK(state_after(training, State::kDone) == PointState::kNew);
  CHECK(state_after(evaluation, State::kDone) == PointState::kDone);
}

TEST_CASE("settings that do not fit together are found before anything starts") {
  CHECK(Planned("[model.moe.exchange]\nuse = \"scomoe-seq\"\nalpha = 0.6\n").first_problem() ==
        "alpha + beta in [model.moe.exchange] is 0.6 + 0.5; must be at most 1");
  CHECK(Planned("[model.moe]\nexperts = 10\n[launch]\nnodes = 4\n").first_problem() ==
        "'experts' is 10, which 4 ranks cannot share equally; the nearest that they can is 8 or "
        "12");
  CHECK(Planned("[model]\nheads = 5\n").first_problem() ==
        "'heads' is 5, which does not divide 'width' 512");
  CHECK(Planned("[train]\nmax_tokens = 100\n").first_problem() ==
        "'max_tokens' in [train] is 100, but a sentence may have 100 pieces and </s>; raise it to "
        "at least 101 or lower 'max_length' in [corpus]");
}

TEST_CASE("ranks cannot be more than the experts they share") {
  CHECK(Planned("[model.moe]\nexperts = 2\n[launch]\nnodes = 4\n").first_problem() ==
        "'experts' is 2, which 4 ranks cannot share equally; the nearest that they can is 4");
}

TEST_CASE("ranks and experts are free where the experts divide evenly or nothing is exchanged") {
  CHECK(Planned("[model.moe]\nexperts = 8\n[launch]\nnodes = 4\n").problems.empty());
  CHECK(Planned("[model.moe]\nexperts = 3\nevery = 0\n[launch]\nnodes = 2\n").problems.empty());
  CHECK(Planned("[model.moe]\nexperts = 3\n[model.moe.exchange]\nuse = \"dense\"\n"
                "[launch]\nnodes = 2\n")
            .problems.empty());
}

TEST_CASE("one rule broken at many points is one problem") {
  const Planned planned("[sweep]\nheads = [5, 7, 8]\n");
  REQUIRE(planned.problems.all().size() == 1);
  CHECK(planned.first_problem() ==
        "'heads' is 5, which does not divide 'width' 512, at point 1 of 3 (heads=5) and 1 more");
}

}  // namespace
}  // namespace xp
