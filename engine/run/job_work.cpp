// A job's record and its runs are brought up to date at its start and at its end.
#include "engine/run/job_work.h"

#include "engine/base/error.h"
#include "engine/run/jobs.h"
#include "engine/run/submit.h"

#include <fmt/format.h>

namespace xp {
namespace {

struct JobList {
  Workspace workspace;
  std::string experiment;
  std::vector<std::string> command_line;
  std::vector<Work> work;
};

JobList read_list(const fs::path& job_folder) {
  const fs::path file = work_file(job_folder);
  try {
    const Value value = Value::parse(read_file(file));
    JobList out{{value.at("workspace").get<std::string>()},
                value.at("experiment"),
                value.at("command_line").get<std::vector<std::string>>(),
                work_from(value.at("work"))};
    if (!out.work.empty()) return out;
  } catch (const Value::exception&) {
  }
  machine_error("'{}' is damaged; `xp run FILE` submits its runs again", file.string());
}

// It runs, here. Attempts that an earlier start of the job left without an end, or stopped, learn
// what happened: a node died, or the scheduler wanted the place.
void record_start(const Workspace& workspace, const std::string& job, const Allocation& place) {
  const FileLock turn = jobs_turn(workspace);
  auto record = read_job(workspace, job);
  if (!record) return;
  if (place.restarts > 0) {
    for (const auto& run : record->runs) {
      const fs::path folder = workspace.root / run;
      const int64_t number = last_attempt(folder);
      if (number == 0 || is_held(folder)) continue;
      auto end = read_end(attempt_folder(folder, number));
      if (end && end->outcome != Outcome::kStopped) continue;
      const auto stop_request = read_end_request(attempt_folder(folder, number));
      const bool was_asked = end.has_value() || stop_request.has_value();
      if (!end) {
        end.emplace();
        end->ended_s = now_s();
        end->cause = was_asked ? "it was ended before it had saved" : "the node it ran on was lost";
      }
      const bool is_stop = !stop_request || *stop_request == Outcome::kStopped;
      const Outcome meaning = is_stop ? Outcome::kPreempted : *stop_request;
      end->outcome = was_asked ? meaning : Outcome::kMachine;
      end_attempt(folder, number, *end, retries_of(folder));
    }
  }
  record->phase = JobPhase::kRunning;
  record->state = record->reason = "";  // those of a time before
  record->id = place.id;
  record->hosts = place.hosts;
  record->seen_s = now_s();
  write_job(workspace, *record);
}

// It will do no more for its runs, whatever became of them.
void record_end(const Workspace& workspace, const std::string& job) {
  const FileLock turn = jobs_turn(workspace);
  auto record = read_job(workspace, job);
  if (!record) return;
  for (const auto& run : record->runs) {
    if (job_of(workspace.root / run) == job) set_job_of(workspace.root / run, "");
  }
  record->phase = JobPhase::kEnded;
  record->state = record->reason = "";
  record->seen_s = now_s();
  write_job(workspace, *record);
}

}  // namespace

Execution work_through(const fs::path& job_folder, const fs::path& program,
                       const std::function<StopRequest()>& stop_request,
                       const std::function<Outcome()>& end_meaning) {
  JobList list = read_list(job_folder);
  const std::string job = job_folder.filename().string();
  const Value launch = list.work.front().launch();
  const auto launcher = make_part<Launcher>(launch);
  const auto place = launcher->allocation();
  if (!place) {
    user_error("`xp work` runs inside a job of '{}'; `xp run FILE` starts one",
               launch.value("use", ""));
  }
  record_start(list.workspace, job, *place);
  if (place->restarts > 0) list.work = still_open(list.work);
  if (list.work.empty()) {  // its node died after the last run had ended, or too often
    record_end(list.workspace, job);
    return {};
  }
  ExecutorSettings settings;
  settings.attempts.command_line = list.command_line;
  settings.attempts.style = Progress::Style::kLines;
  settings.attempts.warm = fs::path(list.work.front().command.at(0)).filename() == "xp-engine";
  settings.attempts.host = place->hosts.front();
  settings.attempts.checks_first = place->hosts.size() > 1;
  settings.jobs = launcher->pack() > 1 ? 0 : 1;
  settings.gpus = place->gpus;
  settings.retries_here = false;
  settings.stop_request = stop_request;
  settings.end_meaning = end_meaning;
  Execution out = execute(list.work, settings);
  if (stop_request() != StopRequest::kNone) return out;  // the scheduler may start this job again
  record_end(list.workspace, job);
  const auto left = still_open(list.work);
  if (left.empty()) return out;
  // Failed here with retries left: elsewhere, if this node may submit; else the next `xp` does.
  try {
    submit(left, {list.workspace, list.experiment, program, list.command_line, stop_request});
  } catch (const Error& error) {
    fmt::print(stderr, "not submitted again from here: {}\n", error.what());
  }
  return out;
}

void requeue(const fs::path& job_folder) {
  const JobList list = read_list(job_folder);
  const auto launcher = make_part<Launcher>(list.work.front().launch());
  const auto place = launcher->allocation();
  if (!place || still_open(list.work).empty()) return;
  if (!launcher->queue()->requeue(place->id))
    fmt::print(stderr, "the scheduler does not start this job again; the next xp submits it\n");
}

}  // namespace xp
