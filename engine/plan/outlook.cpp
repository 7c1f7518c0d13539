// Estimates are medians of finished runs: seconds per update of the same shape.
#include "engine/plan/outlook.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"

#include <algorithm>
#include <set>

namespace xp {
namespace {

// What decides how long one update takes, beside the machine itself.
class Shapes {
 public:
  const std::string& of(const Point& point) {
    const Settings& settings = point.settings();
    const Key key = {point.assessment.get(), settings.sections()[2].get()};
    auto found = known_.find(key);
    if (found == known_.end()) found = known_.emplace(key, shape(point)).first;
    return found->second;
  }

 private:
  using Key = std::pair<const Assessment*, const SharedSection*>;

  static std::string shape(const Point& point) {
    if (point.assessment == nullptr || point.assessment->figures.empty()) return "";
    Value what = {{"figures", point.assessment->figures}};
    for (const char* key : {"nodes", "ranks_per_node", "threads_per_rank", "device"})
      what[key] = point.settings().at("launch").value(key, Value());
    return content_id(what);
  }

  std::map<Key, std::string> known_;
};

struct Elsewhere {
  std::map<std::string, std::vector<std::string>> experiments;  // training -> names
  std::map<std::string, std::set<std::string>> trainings;       // shape -> ids
};

Elsewhere look_elsewhere(const Workspace& workspace, const std::string& own) {
  Elsewhere out;
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.root / "experiments", none))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    if (name == own) continue;  // the plan itself has those
    for (const auto& point : recorded_points(workspace.experiment(name))) {
      if (point.training.empty()) continue;
      if (!point.shape.empty()) out.trainings[point.shape].insert(point.training);
      auto& experiments = out.experiments[point.training];
      if (experiments.empty() || experiments.back() != name) experiments.push_back(name);
    }
  }
  return out;
}

// Seconds per update of the finished trainings among `ids`.
std::vector<double> paces(const Workspace& workspace, const std::set<std::string>& ids) {
  constexpr size_t kEnough = 20;
  std::vector<double> out;
  for (const auto& id : ids) {
    const Status status = read_status(workspace.training(id));
    if (status.state != State::kDone || !status.summary.is_object()) continue;
    const double seconds = status.summary.value("train_seconds", 0.0);
    const double updates = status.summary.value("updates", 0.0);
    if (seconds > 0 && updates > 0) out.push_back(seconds / updates);
    if (out.size() == kEnough) break;
  }
  return out;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Nothing where it is not known how many updates it will be.
std::optional<double> training_seconds(const Point& point, double pace) {
  const Value& train = point.settings().at("train");
  if (!train.contains("max_updates") || train.value("max_epochs", 0.0) > 0) return std::nullopt;
  double seconds = pace * train["max_updates"].get<double>();
  const double ranks = train.contains("max_cpu_seconds")
                           ? point.settings().at("launch").value("nodes", 1.0) *
                                 point.settings().at("launch").value("ranks_per_node", 1.0)
                           : 1;
  const double hours = train.value("max_hours", 0.0), cpu = train.value("max_cpu_seconds", 0.0);
  if (hours > 0) seconds = std::min(seconds, 3600 * hours);
  if (cpu > 0) seconds = std::min(seconds, cpu / ranks);
  return seconds;
}

// Step times of one shape, sorted, with who measured them.
using Paces = std::vector<std::pair<double, std::string>>;

// The median of those that are not `own`.
std::optional<double> median_without(const Paces& paces, const std::string& own) {
  const auto at = std::find_if(paces.begin(), paces.end(),
                               [&](const auto& pace) { return pace.second == own; });
  const size_t count = paces.size() - (at == paces.end() ? 0 : 1);
  if (count == 0) return std::nullopt;
  size_t middle = count / 2;
  if (at != paces.end() && static_cast<size_t>(at - paces.begin()) <= middle) ++middle;
  return paces[middle].first;
}

std::string plural(size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::vector<RecordedPoint> recorded_points(const fs::path& experiment_folder) {
  const fs::path file = experiment_folder / "plan.json";
  std::vector<RecordedPoint> out;
  if (!fs::exists(file)) return out;
  try {
    const Value plan = Value::parse(read_file(file));
    for (const auto& point : plan.at("points")) {
      out.push_back({point.value("name", ""), point.at("training"), point.at("evaluation"),
                     point.value("shape", "")});
    }
  } catch (const Value::exception&) {
    machine_error("'{}' is damaged; delete it and run the experiment again", file.string());
  }
  return out;
}

Outlook outlook(const Plan& plan, const Workspace& workspace) {
  Outlook out;
  Shapes shapes;
  Elsewhere elsewhere = look_elsewhere(workspace, plan.name);
  out.points.resize(plan.points.size());
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    out.points[i].shape = shapes.of(point);
    const auto others = elsewhere.experiments.find(point.training_id);
    if (others != elsewhere.experiments.end()) out.points[i].also_in = others->second;
    if (point.training == State::kDone && !out.points[i].shape.empty())
      elsewhere.trainings[out.points[i].shape].insert(point.training_id);
  }
  std::map<std::string, std::vector<double>> paces_of;
  std::set<std::string> seen;
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    const std::string id = point.training_id == "?" ? point.name : point.training_id;
    const bool is_first = seen.insert(id).second;
    if (is_first) ++out.trainings;
    if (point.training == State::kDone) continue;
    if (is_first) ++out.trainings_left;
    const auto same = elsewhere.trainings.find(out.points[i].shape);
    if (same == elsewhere.trainings.end()) continue;
    const auto [pace, is_new] = paces_of.try_emplace(same->first);
    if (is_new) pace->second = paces(workspace, same->second);
    if (is_new) out.witnesses += pace->second.size();
    if (pace->second.empty()) continue;
    out.points[i].seconds = training_seconds(point, median(pace->second));
    if (!is_first || !out.points[i].seconds) continue;
    ++out.judged;
    out.seconds += *out.points[i].seconds;
    const Value& launch = point.settings().at("launch");
    out.device_hours += *out.points[i].seconds / 3600 * launch.value("nodes", 1.0) *
                        launch.value("ranks_per_node", 1.0);
  }
  return out;
}

std::vector<std::optional<double>> step_forecast(
    const Plan& plan, const Workspace& workspace,
    const std::function<std::optional<Pace>(const std::string&)>& pace) {
  constexpr size_t kEnough = 20;  // of other experiments
  Shapes shapes;
  Elsewhere elsewhere = look_elsewhere(workspace, plan.name);
  std::map<std::string, std::set<std::string>> witnesses;
  for (const Point& point : plan.points) {
    const std::string& shape = shapes.of(point);
    if (shape.empty() || point.training_id == "?") continue;
    auto& ids = witnesses[shape];
    ids.insert(point.training_id);
    auto& others = elsewhere.trainings[shape];
    for (size_t i = 0; i < kEnough && !others.empty(); ++i)
      ids.insert(others.extract(others.begin()).value());
    others.clear();
  }
  std::map<std::pair<std::string, std::string>, Paces> paces;  // by shape and machine, "" for any
  std::map<std::string, std::string> machines;                 // of trainings
  for (const auto& [shape, ids] : witnesses) {
    for (const auto& id : ids) {
      const auto found = pace(id);
      if (!found) continue;
      machines[id] = found->machine;
      paces[{shape, found->machine}].emplace_back(found->step_ms, id);
      if (!found->machine.empty()) paces[{shape, ""}].emplace_back(found->step_ms, id);
    }
  }
  for (auto& [key, list] : paces)
    std::sort(list.begin(), list.end());
  std::vector<std::optional<double>> out;
  for (const Point& point : plan.points) {
    const auto machine = machines.find(point.training_id);
    const auto list =
        paces.find({shapes.of(point), machine == machines.end() ? "" : machine->second});
    out.push_back(list == paces.end() ? std::nullopt
                                      : median_without(list->second, point.training_id));
  }
  return out;
}

std::string Outlook::sentence(const Plan& plan) const {
  std::string out = fmt::format(
      "{} of {} left, {}", trainings_left, plural(trainings, "training"),
      plural(plan.points.size() - plan.count(PointState::kDone), "evaluation") + " left");
  if (trainings_left == 0) return out;
  if (judged == 0) return out + "; no finished run of the same shape tells how long they take";
  out += fmt::format("; about {}, {:.2f} device-hours, by {} of the same shape",
                     human_duration(seconds), device_hours, plural(witnesses, "finished run"));
  if (judged < trainings_left)
    out += fmt::format(" ({} more cannot be judged)", trainings_left - judged);
  return out;
}

PlanChange plan_change(const std::vector<RecordedPoint>& before, const Plan& now) {
  const auto key = [](const std::string& evaluation, const std::string& name) {
    return evaluation.empty() || evaluation == "?" ? "name " + name : evaluation;
  };
  std::set<std::string> old_keys, new_keys;
  for (const auto& point : before)
    old_keys.insert(key(point.evaluation, point.name));
  PlanChange out;
  for (const auto& point : now.points) {
    const std::string id = key(point.evaluation_id, point.name);
    new_keys.insert(id);
    if (old_keys.contains(id)) {
      ++out.kept;
    } else {
      out.added.push_back(point.name);
    }
  }
  for (const auto& point : before) {
    if (!new_keys.contains(key(point.evaluation, point.name))) out.removed.push_back(point);
  }
  return out;
}

}  // namespace xp
