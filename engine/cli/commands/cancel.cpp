// `xp cancel`: asks runs to end, or not to begin, and takes their jobs out of the queue.
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/question.h"
#include "engine/run/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <thread>

namespace xp {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr size_t kMostNames = 20;

/// A run that is to end or not to begin.
struct Target {
  std::string kind, id, name;
  fs::path folder;
  Standing standing;
};

bool is_ended(const Standing& standing) {
  return standing.state == RunState::kDone || standing.state == RunState::kFailed;
}

class Targets {
 public:
  Targets(const std::vector<PointView>& all, const std::vector<Selected>& selected,
          const Workspace& workspace)
      : workspace_(workspace), jobs_(workspace) {
    for (const auto& one : selected)
      chosen_.insert(one.point);
    for (const auto& one : selected) {
      const PointView& point = *one.point;
      if (point.training == "?") continue;
      if (is_free(all, one)) {
        add("training", point.training, point.name, workspace_.training(point.training));
      } else {
        ++shared_;
      }
      add("evaluation", point.evaluation, point.name, workspace_.evaluation(point.evaluation));
    }
  }
  const std::vector<Target>& all() const { return found_; }
  size_t shared() const { return shared_; }

 private:
  // A training that a point outside the selection still waits for goes on, unless it was named.
  bool is_free(const std::vector<PointView>& all, const Selected& one) const {
    return std::none_of(all.begin(), all.end(), [&](const PointView& other) {
      return other.training == one.point->training && other.state != PointState::kDone &&
             !chosen_.contains(&other);
    });
  }
  void add(const char* kind, const std::string& id, const std::string& name, const fs::path& run) {
    if (!seen_.insert(run).second) return;
    Standing standing = standing_of(run, jobs_);
    if (is_ended(standing) || standing.is_cancelled) return;
    found_.push_back({kind, id, name, run, std::move(standing)});
  }

  const Workspace& workspace_;
  OpenJobs jobs_;
  std::set<const PointView*> chosen_;
  std::set<fs::path> seen_;
  std::vector<Target> found_;
  size_t shared_ = 0;
};

// "2 running, 1 queued"; what has not begun is counted with its point, not twice.
std::string summary_of(const std::vector<Target>& targets) {
  std::map<RunState, size_t> counts;
  for (const auto& target : targets)
    ++counts[target.standing.state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts)
    parts.push_back(fmt::format("{} {}", count, state_name(state)));
  return fmt::format("{} run{} ({})", targets.size(), targets.size() == 1 ? "" : "s",
                     join(parts, ", "));
}

void print_targets(const std::vector<Target>& targets) {
  for (size_t i = 0; i < std::min(targets.size(), kMostNames); ++i) {
    const Target& target = targets[i];
    const std::string cause = target.standing.cause();
    fmt::print("  {} {}  {}  {}{}\n", target.kind, target.id, target.name,
               state_name(target.standing.state), cause.empty() ? "" : ", " + cause);
  }
  if (targets.size() > kMostNames) fmt::print("  ... and {} more\n", targets.size() - kMostNames);
}

// Waits a little for runs that somebody works on; how many still go on then.
size_t wait_for_end(const std::vector<Target>& targets) {
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  size_t left = 0;
  do {
    left = static_cast<size_t>(std::count_if(targets.begin(), targets.end(), [](const Target& one) {
      return fs::exists(one.folder) && is_held(one.folder);
    }));
    if (left > 0) std::this_thread::sleep_for(kPoll);
  } while (left > 0 && std::chrono::steady_clock::now() < patience);
  return left;
}

void cancel(const std::vector<Target>& targets, const Workspace& workspace) {
  std::set<fs::path> folders;
  for (const auto& target : targets) {
    ask_cancel(target.folder, "by xp cancel");
    folders.insert(target.folder);
  }
  const size_t left = wait_for_end(targets);
  // What saves and ends by itself has had its time; what waits in a queue would wait for nothing.
  const size_t jobs = open_jobs(workspace).empty() ? 0 : cancel_jobs(workspace, folders);
  if (jobs > 0) fmt::print(stderr, "{} job{} taken out of the queue\n", jobs, jobs == 1 ? "" : "s");
  if (left > 0) fmt::print(stderr, "{} still save and end; xp status shows when they have\n", left);
  look_at_jobs(workspace);
}

// Something must be named: nobody cancels a whole workspace by leaving words out.
void check_words(const Options& options) {
  if (!options.names.empty() || !options.spec.empty()) return;
  throw Error(Blame::kUser,
              "name what to cancel: an experiment file, or selectors such as state:queued",
              kUsageError);
}

}  // namespace

int cancel_command(const Options& options) {
  check_words(options);
  const Workspace workspace{options.workspace};
  const auto open = open_points(options);
  if (!open) return Exit::kSpec;
  const auto selected = select(open->points, options.names, workspace);
  const Targets targets(open->points, selected, workspace);
  if (targets.shared() > 0)
    fmt::print(stderr, "{} trainings go on: points outside the selection wait for them\n",
               targets.shared());
  if (targets.all().empty()) {
    fmt::print("nothing to cancel: {}\n", counts_of(open->points));
    return Exit::kDone;
  }
  const std::string what = summary_of(targets.all());
  print_targets(targets.all());
  if (options.dry_run) {
    fmt::print("{} would be cancelled\n", what);
    return Exit::kDone;
  }
  if (!options.yes && !is_conversation()) {
    throw Error(Blame::kUser,
                what + " would be cancelled; there is no terminal to ask, so add --yes",
                kUsageError);
  }
  if (!agreed(options, "cancel " + what + "?")) {
    fmt::print("nothing was cancelled\n");
    return Exit::kDone;
  }
  cancel(targets.all(), workspace);
  fmt::print("{} cancelled; next: xp retry {}{} takes it back\n", what,
             options.spec.empty() ? "state:cancelled" : options.spec + " state:cancelled",
             workspace_words(options));
  return Exit::kDone;
}

}  // namespace xp
