// Names of checkpoint files.
#include "results/runs/checkpoints.h"

#include "engine/base/to_integer.h"
#include "results/runs/workspace.h"

#include <fmt/format.h>

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

std::optional<fs::path> finished_checkpoint(const fs::path& training, std::string_view which) {
  const Value summary = read_status(training).summary;
  const bool is_best = which == "best" && count_in(summary, "best_update") > 0;
  const fs::path folder = training / "checkpoints";
  const fs::path file =
      is_best ? folder / "best.safetensors" : checkpoint_file(folder, count_in(summary, "updates"));
  std::error_code code;
  return fs::exists(file, code) ? std::optional(file) : std::nullopt;
}

}  // namespace xp
