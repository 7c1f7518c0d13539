// A scheduler that is a table which the test fills in; its jobs are run by hand.
#pragma once

#include "engine/launch/ranks.h"
#include "engine/run/job_work.h"
#include "engine/run/jobs.h"
#include "engine/run/submit.h"

#include <sys/stat.h>

namespace xp {

/// What the scheduler of the test knows and was told.
struct Desk {
  std::map<std::string, BatchState> jobs;  // by name
  std::vector<BatchJob> submitted;
  std::vector<std::string> cancelled, requeued;
  std::optional<Error> submit_error;  // raised by the next submission
  bool takes_it_all_the_same = false;
  std::optional<Allocation> place;
  int64_t retries = 0, pack = 0;
  bool takes_many = false;
};
inline Desk* desk = nullptr;

struct PaperQueue final : BatchQueue {
  std::string problem(const BatchJob&) const override { return ""; }
  std::string submit(const BatchJob& job) override {
    if (desk->submit_error) {
      const Error error = *desk->submit_error;
      desk->submit_error.reset();
      if (desk->takes_it_all_the_same) take(job);
      throw error;
    }
    return take(job);
  }
  bool takes_many() const override { return desk->takes_many; }
  static std::string take(const BatchJob& job) {
    desk->submitted.push_back(job);
    const std::string id = std::to_string(desk->submitted.size());
    for (int64_t i = 0; i < std::max<int64_t>(job.count, 1); ++i) {
      const std::string number = job.count > 0 ? "_" + std::to_string(i) : "";
      BatchState& state = desk->jobs[job.name + number];
      state.phase = BatchState::Phase::kPending;
      state.id = id + number;
      state.state = "PENDING";
      state.reason = "Priority";
    }
    return id;
  }
  std::map<std::string, BatchState> poll(const std::map<std::string, std::string>& jobs) override {
    std::map<std::string, BatchState> out;
    for (const auto& [name, id] : jobs) {
      const auto found = desk->jobs.find(name);
      if (found != desk->jobs.end()) {
        out[name] = found->second;
      } else {
        out[name].is_absent = true;
      }
    }
    return out;
  }
  void cancel(const std::string& id) override {
    desk->cancelled.push_back(id);
    for (auto& [name, job] : desk->jobs) {
      if (job.id != id) continue;
      job.phase = BatchState::Phase::kEnded;
      job.outcome = Outcome::kCancelled;
      job.state = "CANCELLED";
    }
  }
  bool requeue(const std::string& id) override {
    desk->requeued.push_back(id);
    return true;
  }
};

struct Paper final : Launcher {
  struct Config {
    void describe(auto&) {}
  };
  explicit Paper(const Config&) {}
  std::unique_ptr<RunningJob> start(const LaunchJob& job) const override { return start_here(job); }
  std::unique_ptr<BatchQueue> queue() const override { return std::make_unique<PaperQueue>(); }
  std::optional<Allocation> allocation() const override { return desk->place; }
  int64_t retries() const override { return desk->retries; }
  int64_t pack() const override { return desk->pack; }
};

// Lines of a worker that says at once that it is done.
inline constexpr const char* kDone =
    R"(echo '{"schema":1,"state":"done","attempt":1,"started_s":1,)"
    R"("ended_s":2,"cause":"","summary":{}}' > "$2/status.json")";

/// Two trainings, "a" with two evaluations and "b" with one.
struct PaperScene {
  PaperScene() {
    desk = &own;
    engine(kDone);
    write_atomic(workspace().jobs() / "mark", "");  // names without one
    add("a", std::nullopt);
    add("a1", 0);
    add("a2", 0);
    add("b", std::nullopt);
    add("b1", 3);
  }
  ~PaperScene() { desk = nullptr; }
  PaperScene(const PaperScene&) = delete;
  PaperScene& operator=(const PaperScene&) = delete;

  void add(const std::string& name, std::optional<size_t> training) {
    Work& one = work.emplace_back();
    one.name = one.title = name;
    one.unit = "updates";
    one.folder = training ? workspace().evaluation(name) : workspace().training(name);
    one.command = {program().string(), training ? "evaluate" : "train", one.folder.string()};
    one.spec = {{"launch", {{"use", "paper"}}}};
    one.training = training;
  }
  void engine(const std::string& script) const {
    write_atomic(program(), "#!/bin/sh\n" + script + "\n");
    ::chmod(program().c_str(), 0755);
  }
  fs::path program() const { return folder.path() / "engine"; }
  Workspace workspace() const { return {folder.path() / "w"}; }
  SubmitSettings settings() const { return {workspace(), "sweep", "/bin/xp", {"xp", "run"}}; }
  fs::path run(size_t i) const { return work.at(i).folder; }
  JobRecord job(const std::string& name) const { return read_job(workspace(), name).value(); }

  // What `xp work` does on the first node of job `name`.
  Execution node(const std::string& name, int64_t restarts = 0,
                 StopRequest stop_request = StopRequest::kNone) const {
    desk->place = Allocation{job(name).id, restarts, {"n0"}, {}};
    return work_through(
        job_folder(workspace(), name), "/bin/xp", [stop_request] { return stop_request; },
        [] { return Outcome::kStopped; });
  }
  void ends(const std::string& name, Outcome outcome, const std::string& state,
            const std::string& reason = "None") {
    BatchState& job = own.jobs.at(name);
    job.phase = BatchState::Phase::kEnded;
    job.outcome = outcome;
    job.state = state;
    job.reason = reason;
  }

  TempFolder folder;
  Desk own;
  std::vector<Work> work;
};

}  // namespace xp
