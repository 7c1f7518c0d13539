// Which checkpoints the plans' evaluations need.
#include "results/runs/garbage.h"

#include "engine/base/error.h"
#include "engine/base/toml.h"
#include "results/runs/records.h"

#include <algorithm>
#include <map>
#include <set>

namespace xp {
namespace {

using Wanted = std::map<std::string, std::set<std::string>>;  ///< training -> "best", "last"

std::vector<fs::path> entries_of(const fs::path& parent) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(parent, code))
    out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

void add_wanted(const Workspace& workspace, const ReportPoint& point, Wanted& wanted) {
  if (point.training.empty()) return;
  auto& names = wanted[point.training];
  const fs::path spec = workspace.evaluation(point.evaluation) / "spec.toml";
  std::error_code code;
  if (!point.evaluation.empty() && fs::exists(spec, code)) {
    const Value settings = load_toml(spec.string());
    const Value* which = find_path(settings, "eval.checkpoint");
    if (which != nullptr && which->is_string()) {
      names.insert(which->get<std::string>());
      return;
    }
  }
  names.insert({"best", "last"});
}

// A plan that cannot be read might need anything, so it stops the search.
Wanted wanted_checkpoints(const Workspace& workspace) {
  Wanted out;
  for (const auto& folder : entries_of(workspace.root / "experiments")) {
    std::error_code code;
    if (!fs::exists(folder / "plan.json", code)) continue;
    for (const auto& point : read_points(folder / "plan.json"))
      add_wanted(workspace, point, out);
  }
  return out;
}

bool is_checkpoint(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".safetensors") && !name.starts_with('.');
}

// The best checkpoint is a second name of another one: the bytes go with the last name.
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
  for (const auto& training : entries_of(workspace.root / "trainings")) {
    if (read_status(training).state != State::kDone || is_held(training)) continue;
    const auto found = wanted.find(training.filename().string());
    std::vector<fs::path> files;
    for (const auto& file : entries_of(training / "checkpoints")) {
      if (is_checkpoint(file)) files.push_back(file);
    }
    const auto best = training / "checkpoints" / "best.safetensors";
    fs::path last;  // update-00000320.safetensors: names sort by update
    for (const auto& file : files) {
      if (file != best) last = file;
    }
    for (const auto& file : files) {
      const bool is_wanted =
          found != wanted.end() && ((file == best && found->second.contains("best")) ||
                                    (file == last && found->second.contains("last")));
      if (is_wanted) continue;
      out.push_back(
          {file, freed_by(file, out),
           found == wanted.end() ? "no plan has its training" : "no evaluation of a plan uses it"});
    }
  }
  return out;
}

uintmax_t remove_garbage(const std::vector<Garbage>& garbage) {
  uintmax_t freed = 0;
  for (const Garbage& one : garbage) {
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
