// A small workspace for tests of whatever reads run folders.
#pragma once

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "results/runs/attempts.h"
#include "results/runs/records.h"
#include "results/runs/workspace.h"

#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {

/// Puts a run ("trainings/aaaa") into a job of the launcher "test-queue"; `id` is the scheduler's
/// number.
inline void put_into_job(const Workspace& workspace, const std::string& run, JobPhase phase,
                         const std::string& id, const std::string& reason = "",
                         bool is_stuck = false) {
  JobRecord job;
  job.name = "xp-" + id;
  job.launcher = "test-queue";
  job.submitted_s = job.seen_s = now_s();
  job.id = id;
  job.phase = phase;
  job.state = phase == JobPhase::kRunning ? "RUNNING" : "PENDING";
  job.reason = reason;
  job.is_stuck = is_stuck;
  job.runs = {run};
  write_job(workspace, job);
  set_job_of(workspace.root / run, job.name);
}

/// How an attempt ended.
inline AttemptEnd made_end(Outcome outcome, const std::string& cause) {
  AttemptEnd end;
  end.outcome = outcome;
  end.cause = cause;
  return end;
}

/// Where an attempt began.
inline AttemptStart made_start(const std::vector<std::string>& hosts, const std::string& job,
                               double started_s) {
  AttemptStart start;
  start.launcher = job.empty() ? "local" : "slurm";
  start.job = job;
  start.hosts = hosts;
  start.interface = "eth0";
  start.started_s = started_s;
  return start;
}

/// A child that holds a run's lease until the object ends: one's own locks are not seen.
class LeaseHolder {
 public:
  explicit LeaseHolder(const fs::path& run_folder) {
    int ready[2], end[2];
    check(::pipe(ready) == 0 && ::pipe(end) == 0, "pipes can be made");
    child_ = ::fork();
    if (child_ == 0) {
      ::close(end[1]);
      const auto lease = take_lease(run_folder);
      char byte = 0;
      if (::write(ready[1], &byte, 1) != 1 || ::read(end[0], &byte, 1) != 0) ::_exit(1);
      ::_exit(0);
    }
    char byte = 0;
    check(::read(ready[0], &byte, 1) == 1, "the lease was free");
    ::close(ready[0]);
    ::close(ready[1]);
    ::close(end[0]);
    end_ = end[1];
  }
  LeaseHolder(const LeaseHolder&) = delete;
  LeaseHolder& operator=(const LeaseHolder&) = delete;
  ~LeaseHolder() {
    ::close(end_);
    ::waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_ = 0;
  int end_ = -1;
};

/// A workspace in a temporary folder, filled by single words.
struct FilledWorkspace {
  TempFolder folder;
  Workspace workspace{folder.path()};

  void status(const std::string& kind, const std::string& id, State state, Value summary = {}) {
    if (summary.is_null()) summary = Value::object();
    write_status(workspace.root / kind / id, {state, 1, 100, 160, "", std::move(summary)});
  }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories((workspace.root / path).parent_path());
    std::ofstream(workspace.root / path, std::ios::binary) << text;
  }
  /// Two finished runs, their point, and an evaluation that failed.
  void fill() {
    put("trainings/aaaa/spec.toml",
        "[train]\nseed = 3\nprecision = \"fp32\"\n[train.optimizer]\n"
        "lr = 5e-4\nbetas = [0.9, 0.98]\n[model]\nshare = true\n");
    put("trainings/aaaa/provenance.json", R"({"host": "box", "environment": {"XP_A": "1"}})");
    put("trainings/aaaa/attempts/1/events.jsonl",
        "{\"event\":\"update\",\"update\":10,\"seconds\":1,\"values\":{\"loss\":6.5}}\n"
        "{\"event\":\"update\",\"update\":20,\"seconds\":2,\"values\":{\"loss\":null}}\n"
        "{\"event\":\"update\",\"update\":30,\"sec");
    put("trainings/aaaa/attempts/2/events.jsonl",
        "{\"event\":\"update\",\"update\":20,\"seconds\":1,\"values\":{\"loss\":5.5}}\n"
        "{\"event\":\"validation\",\"update\":20,\"seconds\":1,\"values\":{\"bleu\":12.5}}\n");
    status("trainings", "aaaa", State::kDone, {{"tokens_per_second", 1500}, {"step_ms", 20.5}});
    put("evaluations/bbbb/spec.toml", "[eval]\nbeam = 5\n");
    write_scores(workspace.evaluation("bbbb"),
                 {{"test", "en-fr", {"bleu", 21.5, "", "sig", true}}});
    status("evaluations", "bbbb", State::kDone, {{"bleu", 21.5}});
    put("evaluations/cccc/spec.toml", "[eval]\nbeam = 1\n");
    status("evaluations", "cccc", State::kFailed);
    plan();
  }
  void plan() {
    const std::vector<ReportPoint> points = {
        {{{"model.moe.exchange.use", "gshard"}, {"train.seed", 3}}, RunIds{"aaaa", "bbbb"}, 3}};
    put("experiments/quick/plan.json",
        json_text(Value{{"schema", 1}, {"points", to_json(points)}}));
  }
};

}  // namespace xp
