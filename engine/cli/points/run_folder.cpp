// Looks through the names of run folders.
#include "engine/cli/points/run_folder.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/cli/parser/exit_code.h"

#include <algorithm>

namespace xp {

RunFolder find_run(const Workspace& workspace, const std::string& prefix) {
  constexpr size_t kMinDigits = 4;
  if (prefix.size() < kMinDigits)
    usage_error("'{}' is too short for a run; give at least {} digits of its id", prefix,
                kMinDigits);
  std::vector<RunFolder> found;
  for (const RunKind kind : kRunKinds) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(workspace.runs(kind), none)) {
      const std::string id = entry.path().filename().string();
      if (id.starts_with(prefix)) found.push_back({{kind, id}, entry.path(), {}});
    }
  }
  if (found.empty())
    usage_error("no run of '{}' begins with '{}'; `xp status FILE` and `xp plan FILE` list ids",
                workspace.root.string(), prefix);
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (const auto& run : found)
      names.push_back(run.title());
    std::sort(names.begin(), names.end());
    usage_error("'{}' may be {}; give more digits", prefix, join(names, " or "));
  }
  RunFolder run = std::move(found.front());
  if (!fs::exists(spec_file(run.folder)))
    usage_error("{} has not been started yet; `xp run` starts it", run.title());
  run.spec = load_toml(spec_file(run.folder).string());
  return run;
}

std::vector<std::pair<std::string, Value>> run_settings(const RunFolder& run) {
  Value settings = run.spec;
  for (const char* id : {"corpus_id", "training_id", "evaluation_id"})
    settings.erase(id);
  return leaves(settings);
}

}  // namespace xp
