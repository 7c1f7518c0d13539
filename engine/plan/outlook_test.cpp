// What is shared, what is left, how long it takes, what changed between plans.
#include "engine/experiment/catalog_fixture.h"
#include "engine/plan/plan_fixture.h"
#include "engine/plan/recorded_plan.h"
#include "results/runs/checkpoints.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

namespace xp {
namespace {

// Two seeds of one experiment in a workspace of their own.
struct Planned {
  Planned() : catalog(fixture_catalog()), plan(planned("[1, 2]")) {}

  Plan planned(const std::string& seeds, const std::string& axis = "") {
    const fs::path file = folder.path() / "x.toml";
    write_atomic(file,
                 "name = \"t\"\n[corpus]\nuse = \"dummy\"\n[train]\nmax_updates = 100\n"
                 "[launch]\nnodes = 2\n[sweep]\nseed = " +
                     seeds + "\n" + axis + "\n");
    Problems problems;
    const Spec spec = load_spec(file.string(), {}, catalog, problems);
    problems.raise();
    Plan out = make_plan(spec, catalog, problems);
    problems.raise();
    identify(out, [](const Value&) { return CorpusIdentity{"c0ffee", ""}; });
    read_states(out, workspace);
    return out;
  }
  void finish(size_t point) {
    Status status{State::kDone, 1, 0, 0, "", Value::object()};
    status.summary = {{"train_seconds", 50.0}, {"updates", 25}};
    const fs::path training = workspace.training(plan.points[point].ids->training);
    write_atomic(checkpoint_file(training / "checkpoints", 25), "");
    write_status(training, status);
    read_states(plan, workspace);
  }
  void record(const std::string& name, const Value& points) const {
    write_atomic(workspace.experiment(name) / "plan.json",
                 Value{{"schema", 1}, {"points", points}}.dump());
  }
  Value recorded(size_t point) const {
    return {{"name", plan.points[point].name},
            {"training", plan.points[point].ids->training},
            {"evaluation", plan.points[point].ids->evaluation}};
  }
  TempFolder folder;
  Workspace workspace{folder.path()};
  Catalog catalog;
  Plan plan;
};

TEST_CASE("without finished runs the time is unknown") {
  const Planned planned;
  const Outlook ahead = outlook(planned.plan, planned.workspace);
  CHECK_FALSE(ahead.points[0].seconds.has_value());
  CHECK(ahead.sentence() ==
        "2 of 2 trainings left, 2 evaluations left; the time is unknown: no run of the same shape "
        "has finished");
}

TEST_CASE("the time of a training is estimated from a finished one of the same shape") {
  Planned planned;
  planned.finish(0);
  const Outlook ahead = outlook(planned.plan, planned.workspace);
  CHECK(ahead.points[1].seconds == 200.0);  // 2 s an update
  CHECK(ahead.sentence() ==
        "1 of 2 trainings left, 2 evaluations left; about 3 min 20 s, 0.11 device-hours, "
        "estimated from 1 finished run of the same shape (without 2 of these 3)");
}

TEST_CASE("gradients of another format on the links are another shape") {
  Planned planned;
  planned.plan = planned.planned("[1]", "\"train.gradient_wire\" = [\"fp32\", \"bf16\"]");
  planned.finish(0);
  CHECK_FALSE(outlook(planned.plan, planned.workspace).points[1].seconds.has_value());
}

TEST_CASE("the time of an evaluation is estimated from a finished one of the same shape") {
  Planned planned;
  planned.finish(0);
  planned.finish(1);
  Status status{State::kDone, 1, 0, 0, "", {{"eval_seconds", 9.0}}};
  fs::create_directories(planned.workspace.evaluation(planned.plan.points[0].ids->evaluation));
  write_status(planned.workspace.evaluation(planned.plan.points[0].ids->evaluation), status);
  read_states(planned.plan, planned.workspace);
  const Outlook ahead = outlook(planned.plan, planned.workspace);
  CHECK_FALSE(ahead.points[0].evaluation_seconds.has_value());
  CHECK(ahead.points[1].evaluation_seconds == 9.0);
  CHECK(ahead.sentence() ==
        "0 of 2 trainings left, 1 evaluation left; about 9.0 s, 0.01 device-hours, "
        "estimated from 1 finished run of the same shape");
}

TEST_CASE("a run of the same shape counts that another experiment has, or this one had before") {
  for (const char* whose : {"other", "t"}) {
    Planned planned;
    planned.finish(0);
    const std::string shape = outlook(planned.plan, planned.workspace).points[0].shape;
    Value point = planned.recorded(0);
    point["shape"] = shape;
    planned.record(whose, Value::array({point}));
    planned.plan = planned.planned("[3]");
    CHECK(outlook(planned.plan, planned.workspace).seconds == 200.0);
  }
}

TEST_CASE("the step time of a run is predicted from the others of its shape on its machine") {
  Planned planned;
  planned.plan = planned.planned("[1, 2, 3, 4, 5]");
  std::map<std::string, Pace> known;
  const auto forecast = [&] {
    std::vector<std::optional<double>> out;
    const auto pace = [&](const std::string& id) {
      const auto found = known.find(id);
      return found == known.end() ? std::nullopt : std::optional(found->second);
    };
    for (const auto& one : step_forecast(planned.plan, planned.workspace, pace))
      out.push_back(one.step_ms);
    return out;
  };
  const auto learn = [&](size_t point, const char* machine, double step_ms) {
    known[planned.plan.points[point].ids->training] = {machine, step_ms};
  };
  using Forecast = std::vector<std::optional<double>>;
  const auto none = std::nullopt;
  CHECK(forecast() == Forecast(5));
  learn(0, "fast", 10);
  CHECK(forecast() == Forecast{none, 10, 10, 10, 10});
  learn(1, "fast", 12);
  learn(2, "fast", 14);
  learn(3, "slow", 90);
  CHECK(forecast() == Forecast{14, 14, 12, none, 14});
}

TEST_CASE("experiments that share a training are named") {
  Planned planned;
  planned.record("b", Value::array({planned.recorded(0)}));
  planned.record("a", Value::array({planned.recorded(0)}));
  planned.record("t", Value::array({planned.recorded(1)}));
  const Outlook ahead = outlook(planned.plan, planned.workspace);
  CHECK(ahead.points[0].also_in == std::vector<std::string>{"a", "b"});
  CHECK(ahead.points[1].also_in.empty());
}

TEST_CASE("a plan is compared with the one before") {
  Planned planned;
  planned.record("t", Value::array({planned.recorded(0), planned.recorded(1)}));
  const auto before = recorded_points(planned.workspace.experiment("t"));
  const PlanChange change = plan_change(before, planned.planned("[2, 3]"));
  CHECK(change.added == std::vector<std::string>{"seed=3"});
  REQUIRE(change.removed.size() == 1);
  CHECK(change.removed[0].name == "seed=1");
  CHECK(change.kept == 1);
  CHECK(plan_change({}, planned.plan).added.size() == 2);
}

TEST_CASE("a damaged plan is named with what to do") {
  const Planned planned;
  write_atomic(planned.workspace.experiment("t") / "plan.json", "{");
  const std::string file = (planned.workspace.experiment("t") / "plan.json").string();
  CHECK_THROWS_WITH(recorded_points(planned.workspace.experiment("t")),
                    "'" + file + "' is damaged; delete it and run the experiment again");
}

}  // namespace
}  // namespace xp
