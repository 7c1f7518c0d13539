// Estimates are medians over finished runs of the same shape.
#include "engine/plan/outlook.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/plan/recorded_plan.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace xp {
namespace {

// All that the time of an update, or of an evaluation, depends on besides the machine.
class Shapes {
 public:
  const std::string& of(const Point& point) {
    const Settings& settings = point.settings();
    const Value* wire = settings.find("train.gradient_wire");
    const Key key = {point.assessment.get(), settings.section("model"), settings.section("launch"),
                     wire == nullptr ? "" : wire->get<std::string>()};
    auto found = known_.find(key);
    if (found == known_.end()) found = known_.emplace(key, shape(point)).first;
    return found->second;
  }

  // "" if the corpus is not known.
  const std::string& of_evaluation(const Point& point) {
    const std::string& training = of(point);
    const Settings& settings = point.settings();
    auto& known = evaluations_[{&training, settings.section("corpus"), settings.section("eval")}];
    if (known.empty() && !training.empty() && point.ids)
      known = content_id({{"model", training},
                          {"corpus", point.ids->corpus},
                          {"eval", point.settings().at("eval")}});
    return known;
  }

 private:
  using Key =
      std::tuple<const Assessment*, const SharedSection*, const SharedSection*, std::string>;

  static std::string shape(const Point& point) {
    if (point.assessment == nullptr || point.assessment->figures.empty()) return "";
    Value what = {{"figures", point.assessment->figures}};
    // How many bytes rows have is known better once the corpus is prepared.
    for (const char* rows :
         {"local_bytes", "in_node_bytes", "inter_node_bytes", "fixed_inter_node_bytes"})
      what["figures"].erase(rows);
    for (const char* key :
         {"nodes", "ranks_per_node", "threads_per_rank", "device", "overlap", "packing"})
      what[key] = point.settings().at("launch").value(key, Value());
    const Value* links = point.settings().find("launch.links");
    if (links != nullptr && !links->empty()) what["links"] = *links;
    // Exchanges of equal figures may take different times, and so may other formats on the links.
    for (const char* path : {"model.moe.exchange", "model.moe.wire", "train.gradient_wire"}) {
      if (const Value* value = point.settings().find(path)) what[path] = *value;
    }
    return content_id(what);
  }

  std::map<Key, std::string> known_;
  using EvaluationKey = std::tuple<const std::string*, const SharedSection*, const SharedSection*>;
  std::map<EvaluationKey, std::string> evaluations_;
};

using RunsOfShape = std::map<std::string, std::set<std::string>>;  // shape -> ids

struct Elsewhere {
  std::map<std::string, std::vector<std::string>> experiments;  // training -> names
  RunsOfShape trainings, evaluations;
};

void add_shapes(const RecordedPoint& point, Elsewhere& out) {
  if (!point.ids) return;
  if (!point.shape.empty()) out.trainings[point.shape].insert(point.ids->training);
  if (!point.evaluation_shape.empty())
    out.evaluations[point.evaluation_shape].insert(point.ids->evaluation);
}

Elsewhere look_elsewhere(const Workspace& workspace, const std::string& own) {
  Elsewhere out;
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.experiments(), none))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    if (name == own) continue;  // the plan itself has those
    for (const auto& point : recorded_points(workspace.experiment(name))) {
      if (!point.ids) continue;
      add_shapes(point, out);
      auto& experiments = out.experiments[point.ids->training];
      if (experiments.empty() || experiments.back() != name) experiments.push_back(name);
    }
  }
  return out;
}

// Seconds per update of a finished training, seconds of a finished evaluation.
std::optional<double> training_pace(const Workspace& workspace, const std::string& id) {
  const Status status = read_status(workspace.training(id));
  if (status.state != State::kDone || !status.summary.is_object()) return std::nullopt;
  const double seconds = status.summary.value("train_seconds", 0.0);
  const double updates = status.summary.value("updates", 0.0);
  if (seconds <= 0 || updates <= 0) return std::nullopt;
  return seconds / updates;
}
std::optional<double> evaluation_pace(const Workspace& workspace, const std::string& id) {
  const Status status = read_status(workspace.evaluation(id));
  if (status.state != State::kDone || !status.summary.is_object()) return std::nullopt;
  const double seconds = status.summary.value("eval_seconds", 0.0);
  if (seconds <= 0) return std::nullopt;
  return seconds;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The median pace of the finished runs of each shape, read on demand.
class PaceSources {
 public:
  using PaceOf = std::optional<double> (*)(const Workspace& workspace, const std::string& id);

  PaceSources(const Workspace& workspace, const RunsOfShape& runs, PaceOf pace_of)
      : workspace_(workspace), runs_(runs), pace_of_(pace_of) {}

  std::optional<double> pace(const std::string& shape) {
    const auto [at, is_new] = known_.try_emplace(shape);
    const auto runs = runs_.find(shape);
    if (!is_new || runs == runs_.end()) return at->second;
    constexpr size_t kEnough = 20;
    std::vector<double> paces;
    for (const auto& id : runs->second) {
      if (const auto pace = pace_of_(workspace_, id)) paces.push_back(*pace);
      if (paces.size() == kEnough) break;
    }
    count_ += paces.size();
    if (!paces.empty()) at->second = median(paces);
    return at->second;
  }
  size_t count() const { return count_; }

 private:
  const Workspace& workspace_;
  const RunsOfShape& runs_;
  PaceOf pace_of_;
  std::map<std::string, std::optional<double>> known_;
  size_t count_ = 0;
};

double ranks(const Settings& settings) {
  return settings.value("launch.nodes", 1.0) * settings.value("launch.ranks_per_node", 1.0);
}

// Nothing if the number of updates is not known.
std::optional<double> training_seconds(const Point& point, double pace) {
  const Settings& settings = point.settings();
  const Value* updates = settings.find("train.max_updates");
  if (updates == nullptr || settings.value("train.max_epochs", 0.0) > 0) return std::nullopt;
  double seconds = pace * updates->get<double>();
  const double hours = settings.value("train.max_hours", 0.0);
  const double cpu = settings.value("train.max_cpu_seconds", 0.0);
  if (hours > 0) seconds = std::min(seconds, 3600 * hours);
  if (cpu > 0) seconds = std::min(seconds, cpu / ranks(settings));
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

// Fills in the parts, and the step times of points without finished runs of their shape.
void predict_others(const Plan& plan, const Workspace& workspace,
                    const std::function<std::optional<Pace>(const std::string&)>& pace,
                    std::vector<StepForecast>& out) {
  Probes probes(workspace);
  std::map<const Probe*, Paces> ratios;  // measured to predicted, with whose
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    const Probe* probe = probes.of(point.settings());
    if (probe == nullptr || point.assessment == nullptr) continue;
    auto& parts = out[i].parts;
    parts = predict_step(point.assessment->figures, point.settings(), *probe);
    if (!parts || !point.ids) continue;
    if (const auto found = pace(point.ids->training))
      ratios[probe].emplace_back(found->step_ms / parts->step_ms(), point.ids->training);
  }
  for (auto& [probe, list] : ratios)
    std::sort(list.begin(), list.end());
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    if (out[i].step_ms || !out[i].parts) continue;
    const auto own = point.ids ? point.ids->training : "";
    const auto ratio = median_without(ratios[probes.of(point.settings())], own);
    out[i].step_ms = out[i].parts->step_ms() * ratio.value_or(1);
  }
}

std::string plural(size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

Outlook outlook(const Plan& plan, const Workspace& workspace) {
  Outlook out;
  Shapes shapes;
  Elsewhere elsewhere = look_elsewhere(workspace, plan.name);
  out.points.resize(plan.points.size());
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    PointOutlook& ahead = out.points[i];
    ahead.shape = shapes.of(point);
    ahead.evaluation_shape = shapes.of_evaluation(point);
    if (!point.ids) continue;
    const auto others = elsewhere.experiments.find(point.ids->training);
    if (others != elsewhere.experiments.end()) ahead.also_in = others->second;
    if (ahead.shape.empty()) continue;
    if (point.training == State::kDone)
      elsewhere.trainings[ahead.shape].insert(point.ids->training);
    if (point.evaluation == State::kDone)
      elsewhere.evaluations[ahead.evaluation_shape].insert(point.ids->evaluation);
  }
  // Runs of this experiment from before an edit count, too, if anything is left to estimate.
  if (plan.count(PointState::kDone) < plan.points.size()) {
    for (const auto& point : recorded_points(workspace.experiment(plan.name)))
      add_shapes(point, elsewhere);
  }
  PaceSources trainings(workspace, elsewhere.trainings, training_pace);
  PaceSources evaluations(workspace, elsewhere.evaluations, evaluation_pace);
  std::set<std::string> seen;
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const Point& point = plan.points[i];
    PointOutlook& ahead = out.points[i];
    const auto add = [&](size_t& left, const std::optional<double>& seconds) {
      ++left;
      if (!seconds) return;
      ++out.estimated;
      out.seconds += *seconds;
      out.device_hours += *seconds / 3600 * ranks(point.settings());
    };
    const bool is_first = seen.insert(point.ids ? point.ids->training : point.name).second;
    if (is_first) ++out.trainings;
    if (point.training != State::kDone) {
      if (const auto pace = trainings.pace(ahead.shape))
        ahead.seconds = training_seconds(point, *pace);
      if (is_first) add(out.trainings_left, ahead.seconds);
    }
    if (point.evaluation == State::kDone) continue;
    ahead.evaluation_seconds = evaluations.pace(ahead.evaluation_shape);
    add(out.evaluations_left, ahead.evaluation_seconds);  // no two points have the same one
  }
  out.sources = trainings.count() + evaluations.count();
  return out;
}

std::optional<Pace> recorded_pace(const Workspace& workspace, const std::string& training) {
  const Status status = read_status(workspace.training(training));
  if (status.state != State::kDone || !status.summary.contains("step_ms")) return std::nullopt;
  return Pace{"", status.summary["step_ms"].get<double>()};
}

std::vector<StepForecast> step_forecast(
    const Plan& plan, const Workspace& workspace,
    const std::function<std::optional<Pace>(const std::string&)>& pace) {
  constexpr size_t kEnough = 20;  // of other experiments
  Shapes shapes;
  Elsewhere elsewhere = look_elsewhere(workspace, plan.name);
  std::map<std::string, std::set<std::string>> sources;
  for (const Point& point : plan.points) {
    const std::string& shape = shapes.of(point);
    if (shape.empty() || !point.ids) continue;
    auto& ids = sources[shape];
    ids.insert(point.ids->training);
    auto& others = elsewhere.trainings[shape];
    for (size_t i = 0; i < kEnough && !others.empty(); ++i)
      ids.insert(others.extract(others.begin()).value());
    others.clear();
  }
  std::map<std::pair<std::string, std::string>, Paces> paces;  // by shape and machine, "" for any
  std::map<std::string, std::string> machines;                 // of trainings
  for (const auto& [shape, ids] : sources) {
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
  std::vector<StepForecast> out;
  for (const Point& point : plan.points) {
    const std::string training = point.ids ? point.ids->training : "";
    const auto machine = machines.find(training);
    const auto list =
        paces.find({shapes.of(point), machine == machines.end() ? "" : machine->second});
    auto& forecast = out.emplace_back();
    if (list != paces.end()) forecast.step_ms = median_without(list->second, training);
  }
  predict_others(plan, workspace, pace, out);
  return out;
}

std::string Outlook::sentence() const {
  const size_t left = trainings_left + evaluations_left;
  std::string out =
      fmt::format("{} of {} left, {} left", trainings_left, plural(trainings, "training"),
                  plural(evaluations_left, "evaluation"));
  if (left == 0) return out;
  if (estimated == 0) return out + "; the time is unknown: no run of the same shape has finished";
  out += fmt::format("; about {}, {:.2f} device-hours, estimated from {} of the same shape",
                     human_duration(seconds), device_hours, plural(sources, "finished run"));
  if (estimated < left) out += fmt::format(" (without {} of these {})", left - estimated, left);
  return out;
}

}  // namespace xp
