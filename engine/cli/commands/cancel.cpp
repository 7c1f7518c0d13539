// `xp cancel`: stops runs, or keeps them from starting, and removes their jobs from the queue.
#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
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

struct Options : PointOptions {
  bool dry_run = false, yes = false;

  void declare(Arguments& arguments) {
    PointOptions::declare(arguments);
    arguments.flag("--dry-run", dry_run, "list what would be cancelled, and stop");
    arguments.flag("--yes", yes, "do not ask");
  }
};

constexpr auto kTimeout = std::chrono::seconds(10);
constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr size_t kMaxNames = 20;

/// A run to cancel.
struct Target {
  RunKind kind;
  std::string id, name;
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
      if (!point.ids) continue;
      if (is_free(all, one)) {
        add(RunKind::kTraining, point);
      } else {
        ++shared_;
      }
      add(RunKind::kEvaluation, point);
    }
  }
  const std::vector<Target>& all() const { return found_; }
  size_t shared() const { return shared_; }

 private:
  // A training that a point outside the selection still needs continues.
  bool is_free(const std::vector<PointView>& all, const Selected& one) const {
    return std::none_of(all.begin(), all.end(), [&](const PointView& other) {
      return other.ids && other.ids->training == one.point->ids->training &&
             other.state != PointState::kDone && !chosen_.contains(&other);
    });
  }
  void add(RunKind kind, const PointView& point) {
    const std::string& id = point.ids->of(kind);
    const fs::path run = workspace_.run(kind, id);
    if (!seen_.insert(run).second) return;
    Standing standing = standing_of(run, jobs_);
    if (is_ended(standing) || standing.is_cancelled) return;
    found_.push_back({kind, id, point.name, run, std::move(standing)});
  }

  const Workspace& workspace_;
  OpenJobs jobs_;
  std::set<const PointView*> chosen_;
  std::set<fs::path> seen_;
  std::vector<Target> found_;
  size_t shared_ = 0;
};

// "3 runs (2 running, 1 queued)".
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
  for (size_t i = 0; i < std::min(targets.size(), kMaxNames); ++i) {
    const Target& target = targets[i];
    const std::string cause = target.standing.cause();
    fmt::print("  {} {}  {}  {}{}\n", kind_name(target.kind), target.id, target.name,
               state_name(target.standing.state), cause.empty() ? "" : ", " + cause);
  }
  if (targets.size() > kMaxNames) fmt::print("  ... and {} more\n", targets.size() - kMaxNames);
}

// Waits up to kTimeout for running runs to end; returns how many still run.
size_t wait_for_end(const std::vector<Target>& targets) {
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  size_t left = 0;
  do {
    left = static_cast<size_t>(std::count_if(targets.begin(), targets.end(), [](const Target& one) {
      return fs::exists(one.folder) && is_held(one.folder);
    }));
    if (left > 0) std::this_thread::sleep_for(kPoll);
  } while (left > 0 && std::chrono::steady_clock::now() < deadline);
  return left;
}

void cancel(const std::vector<Target>& targets, const Options& options) {
  const Workspace workspace{options.workspace};
  std::set<fs::path> folders;
  for (const auto& target : targets) {
    ask_cancel(target.folder, "by xp cancel");
    folders.insert(target.folder);
  }
  const size_t left = wait_for_end(targets);
  // Runs have had time to save; jobs that still wait would start for nothing.
  const size_t jobs = open_jobs(workspace).empty() ? 0 : cancel_jobs(workspace, folders);
  if (jobs > 0) fmt::print(stderr, "{} job{} removed from the queue\n", jobs, jobs == 1 ? "" : "s");
  if (left > 0)
    fmt::print(stderr, "{} are still saving; next: xp status{}\n", left, workspace_words(options));
  refresh_jobs(workspace);
}

// Without a file or selector the whole workspace would be cancelled.
void check_words(const Options& options) {
  if (!options.names.empty() || !options.spec.empty()) return;
  usage_error("name what to cancel: an experiment file, or selectors such as state:queued");
}

int cancel_runs(const Options& options) {
  check_words(options);
  const Workspace workspace{options.workspace};
  const auto open = open_points(options);
  if (!open) return Exit::kSpec;
  const auto selected = select(open->points, options.names, workspace);
  const Targets targets(open->points, selected, workspace);
  if (targets.shared() > 0)
    fmt::print(stderr, "{} trainings continue: points outside the selection need them\n",
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
    usage_error("{} would be cancelled; there is no terminal to ask, so add --yes", what);
  }
  if (!agreed(options.yes, "cancel " + what + "?")) {
    fmt::print("nothing was cancelled\n");
    return Exit::kDone;
  }
  cancel(targets.all(), options);
  fmt::print(
      "{} cancelled; next: xp retry {}{} resumes it\n", what,
      options.spec.empty() ? "state:cancelled" : shell_word(options.spec) + " state:cancelled",
      workspace_words(options));
  return Exit::kDone;
}

XP_COMMAND(Options, cancel_runs, "cancel", Group::kRuns,
           "stop runs, or keep them from starting; retry resumes them", "pause stop kill");

}  // namespace
}  // namespace xp
