// Telling whole folders from half ones, and copying them as wholes.
#include "results/runs/sync.h"

#include "engine/base/error.h"
#include "engine/base/toml.h"
#include "results/runs/attempts.h"
#include "results/runs/records.h"

#include <algorithm>
#include <unistd.h>

namespace xp {
namespace {

constexpr const char* kFullCode = "full";  // of the error that ends everything

// Why a finished run's folder is not whole, or "". Copying tools make files in any order, so
// status.json alone says nothing.
std::string missing_from(const fs::path& folder, const Status& status, RunKind kind) {
  std::error_code code;
  if (!fs::exists(spec_file(folder), code)) return "'spec.toml' is missing";
  const bool is_training = kind == RunKind::kTraining;
  if (!is_training && !fs::exists(folder / "scores.json", code)) return "'scores.json' is missing";
  const fs::path origin = folder / "provenance.json";
  if (fs::exists(origin, code) &&
      Value::parse(read_file(origin), nullptr, /*allow_exceptions=*/false).is_discarded())
    return "'provenance.json' is cut off";
  if (status.state != State::kDone) return "";
  if (!is_training) {
    read_scores(folder);
    return "";
  }
  const fs::path attempt = attempt_folder(folder, status.attempt);
  size_t offset = 0;
  const auto events = read_events(attempt, offset);
  if (events.empty() || events.back().event != "end")
    return fmt::format("'attempts/{}/events.jsonl' has no end", status.attempt);
  return "";
}

std::vector<fs::path> folders_in(const fs::path& parent) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(parent, code)) {
    const bool hidden = entry.path().filename().string().starts_with('.');
    if (!hidden && entry.is_directory(code)) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool is_copied(const fs::path& name, bool checkpoints) {
  return name != "lease" && (name != "checkpoints" || checkpoints);
}

// What a copy takes, each file rounded up to whole blocks.
uintmax_t bytes_of(const fs::path& folder, bool checkpoints) {
  constexpr uintmax_t kBlock = 4096;
  uintmax_t out = 0;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (!is_copied(entry.path().filename(), checkpoints)) continue;
    out += kBlock;
    if (entry.is_directory(code)) {
      out += bytes_of(entry.path(), checkpoints);
    } else if (const uintmax_t size = entry.file_size(code); !code) {
      out += size;
    }
  }
  return out;
}

void copy_run(const fs::path& from, const fs::path& to, bool checkpoints) {
  try {
    make_folder_atomic(to, [&](const fs::path& fresh) {
      for (const auto& entry : fs::directory_iterator(from)) {
        const fs::path name = entry.path().filename();
        if (!is_copied(name, checkpoints)) continue;
        fs::copy(entry.path(), fresh / name, fs::copy_options::recursive);
      }
    });
  } catch (const fs::filesystem_error& error) {
    machine_error("'{}' cannot be copied: {}", from.string(), error.code().message());
  }
}

// Said once and before anything is half written: what follows would not fit either.
void need_space(const fs::path& from, const fs::path& to, bool checkpoints, const SyncResult& out) {
  if (bytes_of(from, checkpoints) <= free_bytes(to)) return;
  throw Error(Blame::kMachine,
              fmt::format("no space is left on the disk of '{}' for '{}'; {} runs and plans were "
                          "taken in: free some and sync again",
                          to.parent_path().parent_path().string(), from.string(), out.taken),
              kFullCode);
}

void take_run(const fs::path& from, const fs::path& to, RunKind kind, bool checkpoints,
              SyncResult& out) {
  const Status status = read_status(from);
  if (status.state == State::kNew)
    machine_error("'{}' is half copied: no status.json", from.string());
  if (status.state == State::kRunning) machine_error("'{}' is not finished", from.string());
  const State ours = read_status(to).state;
  if (ours == State::kDone || (ours == State::kFailed && status.state == State::kFailed)) {
    ++out.known;
    return;
  }
  if (const auto missing = missing_from(from, status, kind); !missing.empty())
    machine_error("'{}' is half copied: {}", from.string(), missing);
  load_toml(spec_file(from).string());
  std::error_code code;
  // The lease keeps others out while the folder is replaced.
  const bool exists = fs::exists(to, code);
  const auto lease = exists ? take_lease(to) : std::optional<FileLock>();
  if (exists && !lease)
    machine_error("'{}' is left alone: somebody works on that run here", from.string());
  need_space(from, to, checkpoints, out);
  copy_run(from, to, checkpoints);
  ++out.taken;
}

void take_plan(const fs::path& from, const fs::path& to, SyncResult& out) {
  std::error_code code;
  if (fs::exists(plan_file(to), code)) {
    ++out.known;
    return;
  }
  if (!fs::exists(plan_file(from), code))
    machine_error("'{}' is half copied: no plan.json", from.string());
  read_points(plan_file(from));
  need_space(from, to, true, out);
  copy_run(from, to, true);
  ++out.taken;
}

// Files that are named by what is in them: those of the same name are the same.
void take_sources(const fs::path& from, const Workspace& to) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(Workspace{from}.source("").parent_path(), code)) {
    const fs::path ours = to.source(entry.path().stem());
    if (entry.path().extension() == ".diff" && !fs::exists(ours, code))
      write_atomic(ours, read_file(entry.path()));
  }
}

// If nothing can be written, that is said once, not for every run.
void make_root(const Workspace& to) {
  std::error_code code;
  fs::create_directories(to.root, code);
  if (code) machine_error("'{}' cannot be made: {}", to.root.string(), code.message());
  if (::access(to.root.c_str(), W_OK) != 0)
    machine_error("'{}' cannot be written; give yourself the right to", to.root.string());
}

}  // namespace

SyncResult sync_from(const fs::path& from, const Workspace& to, bool checkpoints) {
  SyncResult out;
  std::error_code code;
  const Workspace source{from};
  const bool has_runs = std::any_of(std::begin(kRunKinds), std::end(kRunKinds), [&](RunKind kind) {
    return fs::is_directory(source.runs(kind), code);
  });
  if (!has_runs) {
    user_error("'{}' has neither 'trainings' nor 'evaluations'; name a workspace or a copy of one",
               from.string());
  }
  if (fs::equivalent(from, to.root, code))
    user_error("'{}' is this workspace; name the copy to import", from.string());
  make_root(to);
  const auto attempt = [&](auto&& take) {
    try {
      take();
    } catch (const Error& error) {
      if (error.blame() == Blame::kBug) throw;
      if (error.code() == kFullCode) throw;
      out.problems.emplace_back(error.what());
    }
  };
  take_sources(from, to);
  for (const RunKind kind : kRunKinds) {
    for (const auto& folder : folders_in(source.runs(kind)))
      attempt([&] {
        take_run(folder, to.run(kind, folder.filename().string()), kind, checkpoints, out);
      });
  }
  for (const auto& folder : folders_in(source.experiments()))
    attempt([&] { take_plan(folder, to.experiment(folder.filename().string()), out); });
  return out;
}

}  // namespace xp
