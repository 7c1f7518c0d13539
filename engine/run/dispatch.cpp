// Everything about a run is in its folder before its ranks start, so that nothing depends on us.
#include "engine/run/dispatch.h"

#include "engine/base/text.h"
#include "engine/run/watch.h"
#include "results/provenance.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

namespace xp {
namespace {

constexpr auto kLeasePoll = std::chrono::milliseconds(300);

// What a run's worker reads: the sections that its id depends on, and where those came from.
Value run_spec(const Point& point, bool evaluates) {
  Value spec = point.settings().whole();
  if (!evaluates) spec.erase("eval");
  spec["corpus_id"] = point.corpus_id;
  spec["training_id"] = point.training_id;
  if (evaluates) spec["evaluation_id"] = point.evaluation_id;
  return spec;
}

LaunchJob launch_job(const Value& launch, std::vector<std::string> command,
                     const fs::path& attempt_folder) {
  LaunchJob job;
  job.name = attempt_folder.parent_path().parent_path().filename().string();
  job.command = std::move(command);
  job.log_folder = attempt_folder;
  job.nodes = launch.value("nodes", int64_t{1});
  job.ranks_per_node = launch.value("ranks_per_node", int64_t{1});
  job.threads_per_rank = launch.value("threads_per_rank", int64_t{1});
  job.timeout_s = launch.value("timeout_s", int64_t{600});
  job.interface = launch.value("interface", "");
  return job;
}

}  // namespace

DispatchResult Dispatch::run(Plan& plan) {
  result_ = {};
  read_states(plan, settings_.workspace);
  prepare_corpora(plan);
  read_states(plan, settings_.workspace);
  std::set<std::string> trainings;
  for (const auto& point : plan.points) {  // who runs it now wants it, whatever was asked before
    if (point.training_id == "?" || point.state == PointState::kDone) continue;
    withdraw_cancel(settings_.workspace.training(point.training_id));
    withdraw_cancel(settings_.workspace.evaluation(point.evaluation_id));
  }
  for (const auto& point : plan.points) {
    if (result_.stopped) break;
    if (point.training_id != "?" && trainings.insert(point.training_id).second)
      do_training(plan, point);
  }
  read_states(plan, settings_.workspace);
  return result_;
}

void Dispatch::prepare_corpora(Plan& plan) {
  std::map<std::string, std::string> ids;  // corpus table -> id, or "" where it failed
  std::optional<Error> first;
  bool any = plan.count(PointState::kDone) > 0;
  for (const auto& point : plan.points) {
    if (point.state == PointState::kDone) continue;
    const std::string key = point.settings().at("corpus").dump();
    const bool known =
        point.corpus_id != "?" && fs::exists(settings_.workspace.corpus(point.corpus_id));
    any = any || known;
    if (known || ids.contains(key)) continue;
    try {
      ids[key] = prepare_(point.settings().at("corpus"));
      any = true;
    } catch (const Error& error) {
      ids[key] = "";
      if (!first) first = error;
      result_.failures.push_back({point.name, error.what(), {}});
    }
  }
  if (first && !any) throw *first;
  identify(plan, [&](const Value& corpus) -> CorpusIdentity {
    const auto made = ids.find(corpus.dump());
    if (made != ids.end()) return {made->second, ""};
    for (const auto& point : plan.points) {
      if (point.settings().at("corpus") == corpus) return {point.corpus_id, ""};
    }
    return {};
  });
}

void Dispatch::do_training(const Plan& plan, const Point& point) {
  std::vector<const Point*> evaluations;
  for (const auto& other : plan.points) {
    const bool mine = other.training_id == point.training_id;
    if (mine && other.state != PointState::kDone) evaluations.push_back(&other);
  }
  if (evaluations.empty() || !ensure(training_work(plan, point))) return;
  for (const Point* evaluation : evaluations) {
    if (result_.stopped) return;
    ensure(evaluation_work(plan, *evaluation));
  }
}

std::string Dispatch::position(const Plan& plan, const Point& point, bool trainings) const {
  std::vector<std::string> ids;
  size_t mine = 0;
  for (const auto& other : plan.points) {
    const std::string& id = trainings ? other.training_id : other.evaluation_id;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    if (&other == &point) mine = ids.size();
  }
  return fmt::format("{}/{} {}", mine, ids.size(), point.name);
}

Dispatch::Work Dispatch::training_work(const Plan& plan, const Point& point) const {
  const Workspace& workspace = settings_.workspace;
  Work work;
  work.title = "train " + position(plan, point, true);
  work.unit = "updates";
  work.point = &point;
  work.folder = workspace.training(point.training_id);
  work.command = {settings_.engine.string(),
                  "train",
                  work.folder.string(),
                  "--corpus",
                  workspace.corpus(point.corpus_id).string(),
                  "--device",
                  point.settings().at("launch").value("device", "auto")};
  work.spec = run_spec(point, false);
  return work;
}

Dispatch::Work Dispatch::evaluation_work(const Plan& plan, const Point& point) const {
  const Workspace& workspace = settings_.workspace;
  Work work = training_work(plan, point);
  work.title = "evaluate " + position(plan, point, false);
  work.unit = "sentences";
  work.folder = workspace.evaluation(point.evaluation_id);
  work.command[1] = "evaluate";
  work.command[2] = work.folder.string();
  work.command.insert(work.command.end(),
                      {"--training", workspace.training(point.training_id).string()});
  work.spec = run_spec(point, true);
  return work;
}

// Whether the run is done at the end: it was, somebody else did it, or we did.
bool Dispatch::ensure(const Work& work) {
  bool told = false;
  while (!settings_.stop()) {
    if (read_status(work.folder).state == State::kDone) return true;
    if (is_cancel_asked(work.folder)) return false;
    fs::create_directories(work.folder);
    if (const auto lease = take_lease(work.folder)) {
      // Done between our look and the lease?
      return read_status(work.folder).state == State::kDone || attempt(work);
    }
    if (!told) fmt::print(stderr, "{}: another xp works on it; waiting\n", work.title);
    told = true;
    std::this_thread::sleep_for(kLeasePoll);
  }
  result_.stopped = true;
  return false;
}

bool Dispatch::attempt(const Work& work) {
  const fs::path folder = next_attempt(work.folder);
  const int64_t number = last_attempt(work.folder);
  write_atomic(work.folder / "spec.toml", to_toml(work.spec));
  write_atomic(work.folder / "provenance.json", provenance(settings_.command_line).dump(2) + "\n");
  write_status(work.folder, {State::kRunning, number, now_s(), 0, "", Value::object()});
  ++result_.started;
  const LaunchEnd end = launch(work, folder, number);
  const Status status = read_status(work.folder);
  if (status.state == State::kDone) return true;  // even if a rank stumbled after the last word
  if (end.cancelled && is_cancel_asked(work.folder)) {
    write_status(work.folder, {State::kFailed, number, status.started_s, now_s(),
                               "cancelled: it left its experiment", status.summary});
    return false;
  }
  if (end.cancelled) {  // stays "running" with a free lease: the next `xp run` goes on
    result_.stopped = true;
    return false;
  }
  std::string cause = end.ok ? "it ended without a result" : end.cause;
  if (status.state == State::kFailed && !status.cause.empty()) cause = status.cause;
  if (status.state != State::kFailed) {
    write_status(work.folder,
                 {State::kFailed, number, status.started_s, now_s(), cause, status.summary});
  }
  result_.failures.push_back({work.point->name, cause, folder});
  return false;
}

LaunchEnd Dispatch::launch(const Work& work, const fs::path& attempt_folder, int64_t number) {
  std::vector<std::string> command = work.command;
  command.insert(command.end(), {"--attempt", std::to_string(number)});
  const Value& table = work.point->settings().at("launch");
  const auto launcher = make_part<Launcher>(table);
  RunWatch watch(work.title, work.unit, attempt_folder, settings_.style);
  const LaunchJob job = launch_job(table, std::move(command), attempt_folder);
  const LaunchEnd end = launcher->run(
      job, [&watch] { watch.look(); },
      [this, &work] { return settings_.stop() || is_cancel_asked(work.folder); });
  watch.look();
  if (end.ok) watch.finish();
  return end;
}

}  // namespace xp
