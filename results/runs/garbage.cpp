// Which checkpoints the plans' evaluations need.
#include "results/runs/garbage.h"

#include "engine/base/error.h"
#include "engine/base/toml.h"
#include "results/runs/checkpoints.h"
#include "results/runs/programs.h"
#include "results/runs/records.h"

#include <algorithm>
#include <map>
#include <set>

namespace xp {
namespace {

/// eval.checkpoint and eval.average of evaluations.
using Readings = std::set<std::pair<std::string, int64_t>>;
using Wanted = std::map<std::string, Readings>;  ///< by training

std::vector<fs::path> entries_of(const fs::path& parent) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(parent, code))
    out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

void add_wanted(const Workspace& workspace, const ReportPoint& point, Wanted& wanted) {
  if (!point.ids) return;
  auto& readings = wanted[point.ids->training];
  std::string which = point.checkpoint;
  int64_t average = 0;
  const fs::path spec = spec_file(workspace.evaluation(point.ids->evaluation));
  std::error_code code;
  if (fs::exists(spec, code)) {
    const Value settings = load_toml(spec.string());
    const Value* of_eval = find_path(settings, "eval.checkpoint");
    if (of_eval != nullptr && of_eval->is_string()) which = *of_eval;
    of_eval = find_path(settings, "eval.average");
    if (of_eval != nullptr && of_eval->is_number_integer()) average = *of_eval;
  }
  if (!which.empty())
    readings.emplace(which, average);
  else
    readings.insert({{"best", 0}, {"last", 0}});
}

// A plan that cannot be read might need anything, so it stops the search.
Wanted wanted_checkpoints(const Workspace& workspace) {
  Wanted out;
  for (const auto& folder : entries_of(workspace.experiments())) {
    std::error_code code;
    if (!fs::exists(plan_file(folder), code)) continue;
    for (const auto& point : read_points(plan_file(folder)))
      add_wanted(workspace, point, out);
  }
  return out;
}

bool is_checkpoint(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".safetensors") && !name.starts_with('.');
}

uintmax_t size_of(const fs::path& folder) {
  uintmax_t out = 0;
  std::error_code code;
  for (fs::recursive_directory_iterator at(folder, code), end; at != end; at.increment(code)) {
    if (at->is_regular_file(code) && !at->is_symlink(code)) out += at->file_size(code);
  }
  return out;
}

// A file may have two names (trainings of earlier versions): the bytes go with the last one.
uintmax_t freed_by(const fs::path& file, const std::vector<Garbage>& before) {
  std::error_code code;
  const auto names = static_cast<size_t>(fs::hard_link_count(file, code));
  const auto gone = std::count_if(before.begin(), before.end(), [&](const Garbage& other) {
    return fs::equivalent(other.file, file, code);
  });
  return static_cast<size_t>(gone) + 1 >= names ? fs::file_size(file, code) : 0;
}

}  // namespace

std::vector<Garbage> find_garbage(const Workspace& workspace) {
  const Wanted wanted = wanted_checkpoints(workspace);
  std::vector<Garbage> out;
  for (const auto& training : entries_of(workspace.runs(RunKind::kTraining))) {
    if (read_status(training).state != State::kDone || is_held(training)) continue;
    const auto found = wanted.find(training.filename().string());
    const bool is_planned = found != wanted.end();
    std::set<fs::path> kept;
    for (const auto& [which, average] : is_planned ? found->second : Readings()) {
      const auto files = evaluated_checkpoints(training, which, average);
      kept.insert(files.begin(), files.end());
    }
    for (const auto& file : entries_of(training / "checkpoints")) {
      if (!is_checkpoint(file) || kept.contains(file)) continue;
      out.push_back({file, freed_by(file, out),
                     is_planned ? "no evaluation of a plan uses it" : "no plan has its training"});
    }
  }
  for (const auto& folder : unused_programs(workspace))
    out.push_back({folder, size_of(folder), "no job and no running sweep uses this build",
                   Garbage::Kind::kPrograms});
  return out;
}

uintmax_t remove_garbage(const std::vector<Garbage>& garbage) {
  uintmax_t freed = 0;
  for (const Garbage& one : garbage) {
    if (one.kind == Garbage::Kind::kPrograms) {
      freed += remove_programs(one.file) ? one.bytes : 0;
      continue;
    }
    const auto lease = take_lease(one.file.parent_path().parent_path());
    if (!lease) continue;
    std::error_code code;
    if (!fs::remove(one.file, code) && code)
      machine_error("'{}' cannot be removed: {}", one.file.string(), code.message());
    freed += one.bytes;
  }
  return freed;
}

}  // namespace xp
