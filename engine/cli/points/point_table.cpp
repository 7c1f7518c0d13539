// Folders and events become cells.
#include "engine/cli/points/point_table.h"

#include "engine/base/text.h"
#include "engine/base/to_integer.h"
#include "engine/base/toml.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

bool is_under_way(const PointView& point) {
  return point.run.state == RunState::kRunning || point.run.state == RunState::kSilent;
}

// The subset that the summary of an evaluation is about: the first of eval.subsets.
std::string summary_subset(const PointView& point, const Workspace& workspace) {
  Value spec;
  const fs::path file = spec_file(workspace.evaluation(point.ids->evaluation));
  if (point.point != nullptr) {
    spec = point.point->settings().whole();
  } else if (fs::exists(file)) {
    spec = load_toml(file.string());
  }
  const Value* subsets = find_path(spec, "eval.subsets");
  const bool is_named = subsets != nullptr && subsets->is_array() && !subsets->empty() &&
                        subsets->front().is_string();
  return is_named ? subsets->front().get<std::string>() : "test";
}

Value text_or_null(const std::string& text) {
  return text.empty() ? Value() : Value(text);
}

Value job_json(const Standing& run) {
  if (!run.job) return nullptr;
  return {{"name", run.job->name},         {"id", run.job->id},
          {"launcher", run.job->launcher}, {"phase", phase_name(run.job->phase)},
          {"state", run.job->state},       {"reason", run.job->reason},
          {"stuck", run.job->is_stuck}};
}

}  // namespace

void PointReader::take_stored(const Store& store, const std::vector<const PointView*>& points) {
  std::vector<std::string> ids;
  for (const auto* point : points) {
    if (point->state == PointState::kDone && point->ids)
      ids.insert(ids.end(), {point->ids->training, point->ids->evaluation});
  }
  stored_ = store.runs(ids);
}

const RunProgress* PointReader::progress(const fs::path& run_folder, int64_t attempt) {
  if (attempt == 0) return nullptr;
  const fs::path folder = attempt_folder(run_folder, attempt);
  RunProgress& found = open_.try_emplace(folder, folder).first->second;
  found.refresh();
  return &found;
}

void PointReader::add_live(const PointView& point, PointFigures& out) {
  const fs::path run = point.folder(workspace_);
  if (point.run.job) out.job = point.run.job->id;
  if (!is_under_way(point)) return;
  if (const auto start = read_start(attempt_folder(run, out.attempts))) {
    out.hosts = start->hosts;
    if (out.job.empty()) out.job = start->job;
  }
  const RunProgress* now = progress(run, out.attempts);
  if (now == nullptr) return;
  out.done = now->update();
  out.total = now->total();
  out.rate = now->rate();
  out.left_s = now->left_s();
  out.words = now->note();
}

PointFigures PointReader::figures(const PointView& point) {
  PointFigures out;
  if (!point.ids) return out;
  const auto trained = stored_.find(point.ids->training);
  const auto evaluated = stored_.find(point.ids->evaluation);
  if (trained != stored_.end() && evaluated != stored_.end()) {
    out.attempts = trained->second.status.attempt;
    out.updates = to_integer(trained->second.status.summary.value("updates", 0.0));
    out.left_out = to_integer(trained->second.status.summary.value("left_out_pairs", 0.0));
    const Value& summary = evaluated->second.status.summary;
    if (summary.contains("bleu")) {
      out.bleu = summary["bleu"];
      out.bleu_of = summary_subset(point, workspace_);
    }
    return out;
  }
  if (point.state == PointState::kNew && !point.evaluates()) return out;
  const fs::path training = workspace_.training(point.ids->training);
  const int64_t attempts = last_attempt(training);
  const bool shows_evaluation = point.evaluates() && point.state != PointState::kDone;
  out.attempts =
      shows_evaluation ? last_attempt(workspace_.evaluation(point.ids->evaluation)) : attempts;
  if (const RunProgress* now = progress(training, attempts)) {
    out.updates = now->update();
    out.left_out = now->left_out();
    if (now->bleu()) {
      out.bleu = *now->bleu();
      out.bleu_of = "valid";
    }
  }
  if (point.evaluates()) {
    const Value summary = read_status(workspace_.evaluation(point.ids->evaluation)).summary;
    if (summary.contains("bleu")) {
      out.bleu = summary["bleu"];
      out.bleu_of = summary_subset(point, workspace_);
    }
  }
  add_live(point, out);
  return out;
}

std::string bleu_text(const PointFigures& figures) {
  if (!figures.bleu.is_number()) return "-";
  return fmt::format("{:.1f} {}", figures.bleu.get<double>(), figures.bleu_of);
}

std::string note_of(const PointView& point, const PointFigures& figures) {
  std::vector<std::string> parts;
  if (is_under_way(point)) {
    if (!figures.job.empty()) {
      parts.push_back("job " + figures.job +
                      (figures.hosts.empty() ? "" : " on " + join(figures.hosts, ", ")));
    }
    if (point.evaluates() && figures.done > 0)
      parts.push_back(fmt::format("{} sentences", human_count(static_cast<double>(figures.done))));
    if (figures.left_s && point.run.state == RunState::kRunning)
      parts.push_back(human_duration(*figures.left_s) + " left");
    if (point.run.is_cancelled) parts.emplace_back("is being cancelled");
  }
  std::string name = point.run.class_name();
  if (name == point.state_word()) name.clear();
  if (!name.empty() && !point.cause.empty() && !point.cause.starts_with(name)) {
    parts.push_back(name + ": " + point.cause);
  } else if (!name.empty() || !point.cause.empty()) {
    parts.push_back(point.cause.empty() ? name : point.cause);
  }
  if (figures.left_out > 0)
    parts.push_back(fmt::format("{} training pairs are too long", figures.left_out));
  return join(parts, "; ");
}

std::vector<std::string> point_cells(const PointView& point, const PointFigures& figures) {
  return {point.name,
          std::string(point.state_word()),
          std::to_string(figures.attempts),
          std::to_string(figures.updates),
          bleu_text(figures),
          point.ids ? point.ids->training : "?",
          note_of(point, figures)};
}

Colour state_colour(const PointView& point) {
  if (point.state == PointState::kDone) return Colour::kGreen;
  if (point.has_failed()) return Colour::kRed;
  const bool is_held_up = point.is_cancelled() || point.state == PointState::kBlocked ||
                          point.run.state == RunState::kSilent ||
                          point.run.state == RunState::kStopped ||
                          point.run.state == RunState::kNoCheckpoint;
  return is_held_up ? Colour::kYellow : Colour::kNone;
}

Value point_json(const PointView& point, const PointFigures& figures) {
  Value out = {{"experiment", point.experiment},
               {"name", point.name},
               {"axes", point.axes},
               {"training", point.ids ? Value(point.ids->training) : Value()},
               {"evaluation", point.ids ? Value(point.ids->evaluation) : Value()},
               {"state", state_name(point.state)},
               {"cause", text_or_null(point.cause)},
               {"attempt", figures.attempts},
               {"updates", figures.updates},
               {"left_out_pairs", figures.left_out},
               {"bleu", figures.bleu},
               {"bleu_of", text_or_null(figures.bleu_of)}};
  out["run"] = {
      {"kind", kind_name(point.kind)},
      {"id", point.id() ? Value(*point.id()) : Value()},
      {"state", point.state_word()},
      {"class", text_or_null(point.run.class_name())},
      {"cancelled", point.run.is_cancelled},
      {"job", job_json(point.run)},
      {"hosts", figures.hosts},
      {"heartbeat_age_s", point.run.heartbeat_s ? Value(*point.run.heartbeat_s) : Value()},
      {"done", figures.done},
      {"total", figures.total > 0 ? Value(figures.total) : Value()},
      {"rate", figures.rate > 0 ? Value(figures.rate) : Value()},
      {"left_s", figures.left_s ? Value(*figures.left_s) : Value()}};
  return out;
}

std::string failures_line(const std::vector<const PointView*>& points) {
  std::map<std::string, size_t> classes;
  size_t count = 0;
  for (const auto* point : points) {
    if (!point->has_failed()) continue;
    ++count;
    const std::string name = point->run.class_name();
    ++classes[name.empty() ? "of unknown class" : name];
  }
  if (count == 0) return "";
  std::vector<std::string> parts;
  if (classes.size() == 1) {
    parts.push_back(classes.begin()->first);
  } else {
    for (const auto& [name, number] : classes)
      parts.push_back(fmt::format("{} {}", number, name));
  }
  return fmt::format("{} failed: {}", count, join(parts, ", "));
}

}  // namespace xp
