// Combinations to points; ids are hashes of what resolve() says they depend on.
#include "engine/plan/plan.h"

#include "engine/base/hash.h"
#include "engine/plan/rules.h"
#include "engine/spec/codes.h"

#include <map>
#include <set>

namespace xp {
namespace {

constexpr std::string_view kStates[] = {"new", "running", "done", "failed", "blocked"};

Value written_at(const Value& settings, const Assignment& assignment) {
  Value out = settings;
  for (const auto& [path, value] : assignment)
    set_path(out, path, value);
  return out;
}

// What a condition sees: the value that the point was given, even where its component lacks the
// key, then the resolved one.
Value seen(const std::string& path, const Assignment& assignment, const Value& settings) {
  const auto given = assignment.find(path);
  if (given != assignment.end()) return given->second;
  const Value* found = find_path(settings, path);
  return found == nullptr ? Value() : *found;
}

bool holds(const Condition& condition, const Assignment& assignment, const Value& settings) {
  return condition.expression.holds(
      [&](size_t name) { return seen(condition.paths.at(name), assignment, settings); });
}

class Planner {
 public:
  Planner(const Spec& spec, const Catalog& catalog, Problems& problems)
      : spec_(spec), catalog_(catalog), rules_(spec, problems), problems_(problems) {
    plan_.name = spec.name;
    plan_.axes = spec.sweep.keys();
  }

  Plan make() {
    for (const auto& assignment : combinations(spec_.sweep))
      add(assignment);
    for (size_t i = 0; i < plan_.points.size(); ++i)
      rules_.check(plan_.points[i].settings(), plan_.points[i].name, i + 1);
    rules_.report(plan_.points.size());
    if (plan_.points.empty() && problems_.empty()) {
      problems_.add(spec_.source.place_of("sweep"), code::kNoPoints,
                    "'where' and 'exclude' in [sweep] leave no point");
    }
    return std::move(plan_);
  }

 private:
  void add(const Assignment& assignment) {
    Point point;
    point.resolved = resolve(catalog_, written_at(spec_.settings, assignment));
    if (!is_wanted(assignment, point.settings())) {
      ++plan_.excluded;
      return;
    }
    const Resolved& r = point.resolved;
    const std::string same = r.corpus.dump() + r.training.dump() + r.evaluation.dump();
    if (!seen_.insert(content_id(same)).second) {
      ++plan_.merged;
      return;
    }
    for (const auto& path : plan_.axes) {
      const Value* value = find_path(point.settings(), path);
      if (value == nullptr) continue;
      point.axes[path] = *value;
      const std::string shown = value->is_string() ? value->get<std::string>() : show(*value);
      point.name += fmt::format("{}{}={}", point.name.empty() ? "" : " ",
                                short_name(path, plan_.axes), shown);
    }
    if (point.name.empty()) point.name = plan_.name;
    plan_.points.push_back(std::move(point));
  }

  bool is_wanted(const Assignment& assignment, const Value& settings) {
    const auto test = [&](const std::optional<Condition>& condition, bool otherwise) {
      if (!condition) return otherwise;
      try {
        return holds(*condition, assignment, settings);
      } catch (const ExpressionError& error) {
        problems_.add(condition->place, code::kExpression,
                      fmt::format("in the condition: {}", error.what()));
        return false;
      }
    };
    return test(spec_.sweep.where, true) && !test(spec_.sweep.exclude, false);
  }

  const Spec& spec_;
  const Catalog& catalog_;
  Rules rules_;
  Problems& problems_;
  Plan plan_;
  std::set<std::string> seen_;
};

void read_state(Point& point, const Workspace& workspace) {
  const fs::path training = workspace.training(point.training_id);
  const fs::path evaluation = workspace.evaluation(point.evaluation_id);
  const Status trained = read_status(training), evaluated = read_status(evaluation);
  point.training = trained.state;
  point.evaluation = evaluated.state;
  const auto held = [](const Status& status, const fs::path& folder) {
    return status.state == State::kRunning && is_held(folder);
  };
  if (evaluated.state == State::kDone) {
    point.state = PointState::kDone;
  } else if (held(trained, training) || held(evaluated, evaluation)) {
    point.state = PointState::kRunning;
  } else if (trained.state == State::kFailed || evaluated.state == State::kFailed) {
    point.state = PointState::kFailed;
    point.cause = trained.state == State::kFailed ? trained.cause : evaluated.cause;
  } else {
    point.state = PointState::kNew;
  }
}

}  // namespace

std::string_view state_name(PointState state) {
  return kStates[static_cast<size_t>(state)];
}

size_t Plan::count(PointState state) const {
  size_t out = 0;
  for (const auto& point : points)
    out += point.state == state ? 1 : 0;
  return out;
}

Plan make_plan(const Spec& spec, const Catalog& catalog, Problems& problems) {
  return Planner(spec, catalog, problems).make();
}

void identify(Plan& plan, const IdentifyCorpus& identify_corpus) {
  std::map<std::string, CorpusIdentity> corpora;
  for (auto& point : plan.points) {
    const Value& table = point.settings().at("corpus");
    const std::string key = table.dump();
    auto found = corpora.find(key);
    if (found == corpora.end()) found = corpora.emplace(key, identify_corpus(table)).first;
    const CorpusIdentity& corpus = found->second;
    if (!corpus.missing.empty()) {
      point.state = PointState::kBlocked;
      point.cause = corpus.missing;
      continue;
    }
    if (corpus.id.empty()) continue;
    if (point.state == PointState::kBlocked) point.state = PointState::kNew;
    point.corpus_id = corpus.id;
    point.training_id = content_id({{"corpus", corpus.id}, {"settings", point.resolved.training}});
    point.evaluation_id =
        content_id({{"training", point.training_id}, {"settings", point.resolved.evaluation}});
  }
}

void read_states(Plan& plan, const Workspace& workspace) {
  for (auto& point : plan.points) {
    if (point.training_id != "?") read_state(point, workspace);
  }
}

}  // namespace xp
