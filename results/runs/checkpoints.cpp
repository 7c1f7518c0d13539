// Names of checkpoint files.
#include "results/runs/checkpoints.h"

#include "engine/base/error.h"
#include "engine/base/to_integer.h"
#include "results/runs/tensor_file.h"
#include "results/runs/workspace.h"

#include <algorithm>
#include <charconv>

namespace xp {
namespace {

constexpr std::string_view kPrefix = "update-", kEnding = ".safetensors";

int64_t update_in(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kEnding)) return -1;
  int64_t out = -1;
  const char* end = name.data() + name.size() - kEnding.size();
  const auto [stopped, code] = std::from_chars(name.data() + kPrefix.size(), end, out);
  return code == std::errc() && stopped == end ? out : -1;
}

// The update that a file says it is of; -1 if it cannot be read.
int64_t update_of(const fs::path& file) {
  try {
    const TensorFile opened(file);
    const Value* update = find_path(opened.metadata(), "update");
    return update != nullptr && update->is_number_integer() ? update->get<int64_t>() : -1;
  } catch (const Error&) {
    return -1;
  }
}

int64_t count_in(const Value& summary, const char* name) {
  const auto found = summary.find(name);
  const bool is_number = found != summary.end() && found->is_number();
  return is_number ? to_nearest_integer(found->get<double>()) : 0;
}

}  // namespace

fs::path checkpoint_file(const fs::path& folder, int64_t update) {
  return folder / fmt::format("{}{:08}{}", kPrefix, update, kEnding);
}

std::vector<int64_t> checkpoint_updates(const fs::path& folder) {
  std::vector<int64_t> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (const int64_t update = update_in(entry.path().filename().string()); update >= 0)
      out.push_back(update);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<fs::path> find_checkpoint(const fs::path& folder, int64_t update) {
  std::error_code code;
  const fs::path file = checkpoint_file(folder, update);
  if (fs::exists(file, code)) return file;
  const fs::path second_name = folder / "best.safetensors";
  if (fs::exists(second_name, code) && update_of(second_name) == update) return second_name;
  return std::nullopt;
}

std::optional<fs::path> finished_checkpoint(const fs::path& training, std::string_view which) {
  const Value summary = read_status(training).summary;
  const int64_t last = count_in(summary, "updates"), best = count_in(summary, "best_update");
  return find_checkpoint(training / "checkpoints", which == "best" && best > 0 ? best : last);
}

std::vector<fs::path> evaluated_checkpoints(const fs::path& training, std::string_view which,
                                            int64_t average) {
  std::vector<fs::path> out;
  if (average == 0) {
    if (const auto file = finished_checkpoint(training, which)) out.push_back(*file);
    return out;
  }
  const auto updates = checkpoint_updates(training / "checkpoints");
  const auto count = std::min(updates.size(), static_cast<size_t>(average));
  for (auto update = updates.end() - static_cast<std::ptrdiff_t>(count); update != updates.end();
       ++update)
    out.push_back(checkpoint_file(training / "checkpoints", *update));
  return out;
}

std::vector<fs::path> required_checkpoints(const fs::path& training, std::string_view which,
                                           int64_t average) {
  auto files = evaluated_checkpoints(training, which, average);
  if (files.empty()) {
    machine_error("training '{}' has no {} checkpoint; `xp run` trains it again", training.string(),
                  which);
  }
  if (static_cast<int64_t>(files.size()) < average)
    machine_error("training '{}' has {} checkpoints; eval.average = {} needs as many",
                  training.string(), files.size(), average);
  return files;
}

}  // namespace xp
