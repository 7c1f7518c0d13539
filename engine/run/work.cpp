// Points to folders.
#include "engine/run/work.h"

#include "engine/base/error.h"
#include "engine/base/json_numbers.h"
#include "engine/plan/metric_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace xp {
namespace {

// What a run's worker reads: the sections that its id depends on, where those came from, and the
// plug-ins to load.
Value run_spec(const Plan& plan, const Point& point, const Value& plugins, bool evaluates) {
  Value spec = point.settings().whole();
  if (const fs::path file = initial_file(plan, point.settings()); !file.empty())
    spec["train"]["init_from"] = file.string();
  if (plugins.is_object()) spec["plugins"] = plugins;
  if (!evaluates) spec.erase("eval");
  if (spec.contains("eval") && spec["eval"].contains("metric"))
    spec["eval"]["metric"] = metric_tables(plan, point.settings());
  spec["corpus_id"] = point.ids->corpus;
  spec["training_id"] = point.ids->training;
  if (evaluates) spec["evaluation_id"] = point.ids->evaluation;
  return spec;
}

// The plan's [plugins]: `load` are the files that ranks load, `files` those that the person named.
Value plugins_of(const Plan& plan, const Programs& programs) {
  Value out = plan.plugins;
  if (!out.is_object()) return out;
  out["files"] = out["load"];
  for (size_t i = 0; i < programs.plugins.size(); ++i)
    out["load"][i] = programs.plugins[i].string();
  return out;
}

// Distinct ids in the order of the plan, numbered from 1.
std::map<std::string, size_t> positions(const Plan& plan, std::string PointIds::*id) {
  std::map<std::string, size_t> out;
  for (const auto& point : plan.points)
    if (point.ids) out.try_emplace((*point.ids).*id, out.size() + 1);
  return out;
}

// FLOPs of all updates; 1 if the plan does not know.
double training_cost(const Point& point) {
  if (!point.assessment) return 1;
  const auto flops = point.assessment->figures.find("flops");
  if (flops == point.assessment->figures.end() || flops->second <= 0) return 1;
  return flops->second * point.settings().value("train.max_updates", 1.0);
}

/// Makes the work of one plan.
class List {
 public:
  List(const Plan& plan, const Workspace& workspace, const Programs& programs)
      : plan_(plan),
        workspace_(workspace),
        engine_(programs.engine),
        plugins_(plugins_of(plan, programs)),
        trainings_(positions(plan, &PointIds::training)),
        evaluations_(positions(plan, &PointIds::evaluation)) {}

  Work training(const Point& point) const {
    Work out;
    out.title = title("train", trainings_, point.ids->training, point);
    out.unit = kTrainingUnit;
    out.cost = training_cost(point);
    out.name = point.name;
    out.folder = workspace_.training(point.ids->training);
    out.command = command("train", out.folder, point);
    out.spec = run_spec(plan_, point, plugins_, false);
    return out;
  }

  Work probe(const Point& point, const fs::path& folder) const {
    Work out = training(point);
    out.folder = folder;
    out.command = command("probe", folder, point);
    out.spec["launch"]["packing"] = false;  // predictions add what it takes
    return out;
  }

  Work evaluation(const Point& point) const {
    Work out = training(point);
    out.title = title("evaluate", evaluations_, point.ids->evaluation, point);
    out.unit = "sentences";
    out.cost = 1;
    out.folder = workspace_.evaluation(point.ids->evaluation);
    out.command = command("evaluate", out.folder, point);
    out.command.insert(out.command.end(),
                       {"--training", workspace_.training(point.ids->training).string()});
    out.spec = run_spec(plan_, point, plugins_, true);
    return out;
  }

 private:
  static std::string title(const char* verb, const std::map<std::string, size_t>& positions,
                           const std::string& id, const Point& point) {
    return fmt::format("{} {}/{} {}", verb, positions.at(id), positions.size(), point.name);
  }
  std::vector<std::string> command(const char* verb, const fs::path& folder,
                                   const Point& point) const {
    return {engine_.string(),
            verb,
            folder.string(),
            "--corpus",
            workspace_.corpus(point.ids->corpus).string(),
            "--device",
            point.settings().value("launch.device", "auto")};
  }

  const Plan& plan_;
  const Workspace& workspace_;
  const fs::path& engine_;
  Value plugins_;
  std::map<std::string, size_t> trainings_, evaluations_;
};

}  // namespace

LaunchJob shape_of_job(const Value& launch) {
  LaunchJob job;
  job.nodes = launch.value("nodes", int64_t{1});
  job.ranks_per_node = launch.value("ranks_per_node", int64_t{1});
  job.threads_per_rank = launch.value("threads_per_rank", int64_t{1});
  job.timeout_s = launch.value("timeout_s", int64_t{600});
  job.interface = launch.value("interface", "");
  const Value links = launch.value("links", Value::object());
  job.links = {links.value("inter", ""), links.value("in_node", ""),
               links.value("latency_ms", 0.0)};
  return job;
}

std::vector<Work> work_of(const Plan& plan, const Workspace& workspace, const Programs& programs,
                          const std::set<std::string>& only) {
  const List list(plan, workspace, programs);
  std::vector<std::string> order;
  std::map<std::string, std::vector<const Point*>> evaluations;
  for (const auto& point : plan.points) {
    const bool is_done = point.state == PointState::kDone;
    if (!point.ids || is_done || point.state == PointState::kBlocked) continue;
    if (!only.empty() && !only.contains(point.ids->evaluation) &&
        !only.contains(point.ids->training))
      continue;
    auto& mine = evaluations[point.ids->training];
    if (mine.empty()) order.push_back(point.ids->training);
    mine.push_back(&point);
  }
  std::vector<Work> out;
  for (const auto& id : order) {
    const auto& mine = evaluations.at(id);
    const bool is_trained = std::all_of(mine.begin(), mine.end(), [](const Point* point) {
      return point->training == State::kDone;
    });
    const size_t training = out.size();
    if (!is_trained) out.push_back(list.training(*mine.front()));
    std::set<std::string> seen;
    for (const Point* point : mine) {
      if (point->evaluation == State::kDone || !seen.insert(point->ids->evaluation).second)
        continue;
      out.push_back(list.evaluation(*point));
      if (!is_trained) out.back().training = training;
    }
  }
  return out;
}

Work probe_of(const Plan& plan, const Point& point, const Workspace& workspace,
              const fs::path& engine, const fs::path& folder) {
  Programs programs;
  programs.engine = engine;
  return List(plan, workspace, programs).probe(point, folder);
}

std::vector<Work> without(const std::vector<Work>& work,
                          const std::function<bool(const Work&)>& is_over) {
  std::vector<Work> out;
  std::map<size_t, size_t> place;
  for (size_t i = 0; i < work.size(); ++i) {
    if (is_over(work[i])) continue;
    place[i] = out.size();
    out.push_back(work[i]);
    if (!out.back().training) continue;
    const auto found = place.find(*out.back().training);
    out.back().training = found == place.end() ? std::nullopt : std::optional(found->second);
  }
  return out;
}

std::vector<State> read_states_of(const std::vector<Work>& work) {
  std::vector<State> out;
  for (const auto& one : work)
    out.push_back(read_status(one.folder).state);
  return out;
}

std::vector<Work> still_open(const std::vector<Work>& work, const std::vector<State>& states) {
  return without(work, [&](const Work& one) {
    const State state = states.at(static_cast<size_t>(&one - work.data()));
    const bool is_orphan = one.training && states.at(*one.training) == State::kFailed;
    return is_orphan || state == State::kDone || state == State::kFailed;
  });
}

std::vector<Work> still_open(const std::vector<Work>& work) {
  return still_open(work, read_states_of(work));
}

Value to_json(const std::vector<Work>& work) {
  Value list = Value::array();
  for (const auto& one : work) {
    list.push_back({{"title", one.title},
                    {"unit", one.unit},
                    {"name", one.name},
                    {"folder", one.folder.string()},
                    {"command", one.command},
                    {"spec", one.spec},
                    {"cost", one.cost},
                    {"training", one.training ? Value(*one.training) : Value(nullptr)}});
  }
  return list;
}

std::vector<Work> work_from(const Value& value) {
  try {
    std::vector<Work> out;
    for (const auto& item : value) {
      Work& one = out.emplace_back();
      one.title = item.at("title");
      one.unit = item.at("unit");
      one.name = item.at("name");
      one.folder = item.at("folder").get<std::string>();
      one.command = item.at("command").get<std::vector<std::string>>();
      one.spec = item.at("spec");
      one.cost = item.value("cost", 1.0);
      one.launch();
      if (one.command.empty()) machine_error("the list of work is damaged: a run has no command");
      if (item.at("training").is_null()) continue;
      one.training = static_cast<size_t>(integer_from(item["training"]));
      if (*one.training >= out.size() - 1)
        machine_error("the list of work is damaged: an evaluation comes before its training");
    }
    return out;
  } catch (const Value::exception& error) {
    machine_error("the list of work is damaged: {}", error.what());
  }
}

}  // namespace xp
