// A training that ends again writes a status as whole as its first one.
#include "results/runs/reopen.h"

#include "engine/base/to_integer.h"
#include "results/runs/checkpoints.h"

namespace xp {
namespace {

bool is_to_reopen(const fs::path& training, const std::string& which) {
  return read_status(training).state == State::kDone && !has_checkpoint(training, which);
}

int64_t update_of(const Value& summary, const std::string& which) {
  const auto count = [&summary](const char* name) {
    const auto found = summary.find(name);
    const bool is_number = found != summary.end() && found->is_number();
    return is_number ? to_nearest_integer(found->get<double>()) : 0;
  };
  const int64_t best = count("best_update");
  return which == "best" && best > 0 ? best : count("updates");
}

}  // namespace

bool has_checkpoint(const fs::path& training, const std::string& which) {
  if (!which.empty()) return finished_checkpoint(training, which).has_value();
  return finished_checkpoint(training, "best") || finished_checkpoint(training, "last");
}

void reopen_training(const fs::path& training, const std::string& which) {
  if (!is_to_reopen(training, which)) return;
  const FileLock lease = wait_for_lease(training);
  if (!is_to_reopen(training, which)) return;
  Status status = read_status(training);
  status.state = State::kRunning;
  write_status(training, status);
  const fs::path folder = training / "checkpoints";
  std::error_code code;
  for (const int64_t update : checkpoint_updates(folder)) {
    if (update > update_of(status.summary, which))
      fs::remove(checkpoint_file(folder, update), code);
  }
}

}  // namespace xp
