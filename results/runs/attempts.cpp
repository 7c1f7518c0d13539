// Small JSON files, each replaced as a whole; a damaged one is as good as none, because the run's
// own status.json is what counts.
#include "results/runs/attempts.h"

#include "engine/base/error.h"
#include "engine/base/to_integer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

namespace xp {
namespace {

constexpr int64_t kSchema = 1;

Value read_json(const fs::path& path) {
  try {
    const auto bytes = read_if_there(path);
    if (!bytes) return nullptr;
    Value value = Value::parse(*bytes, nullptr, /*allow_exceptions=*/false);
    return value.is_object() ? value : Value(nullptr);
  } catch (const Error&) {
    return nullptr;
  }
}

std::string json_text(Value value) {
  value["schema"] = kSchema;
  return value.dump(2, ' ', false, Value::error_handler_t::replace) + "\n";
}

// `read` of the file's object; nothing where the file is missing, damaged or from a newer xp.
template <class T>
std::optional<T> read_record(const fs::path& path, T (*read)(const Value&)) {
  const Value value = read_json(path);
  if (value.is_null()) return std::nullopt;
  try {
    if (value.at("schema").get<int64_t>() > kSchema) return std::nullopt;
    return read(value);
  } catch (const Value::exception&) {
    return std::nullopt;
  }
}

AttemptStart start_from(const Value& value) {
  AttemptStart out;
  out.launcher = value.at("launcher");
  out.job = value.value("job", "");
  out.hosts = value.at("hosts").get<std::vector<std::string>>();
  out.interface = value.value("interface", "");
  out.rendezvous = value.value("rendezvous", "");
  out.nodes = value.at("nodes");
  out.ranks_per_node = value.at("ranks_per_node");
  out.threads_per_rank = value.at("threads_per_rank");
  out.shared_with = value.value("shared_with", int64_t{0});
  out.command = value.at("command").get<std::vector<std::string>>();
  out.started_s = value.value("started_s", 0.0);
  return out;
}

AttemptEnd end_from(const Value& value) {
  AttemptEnd out;
  out.outcome = outcome_from(value.at("outcome").get<std::string>()).value_or(Outcome::kLost);
  out.ended_s = value.at("ended_s");
  out.rank = value.value("rank", int64_t{-1});
  out.exit_code = value.value("exit_code", 0);
  out.host = value.value("host", "");
  out.cause = value.value("cause", "");
  out.peak_memory_bytes = value.value("peak_memory_bytes", int64_t{0});
  out.job_state = value.value("job_state", "");
  out.job_reason = value.value("job_reason", "");
  return out;
}

JobRecord job_from(const Value& value) {
  JobRecord out;
  out.name = value.at("name");
  out.launcher = value.at("launcher");
  out.experiment = value.value("experiment", "");
  out.id = value.value("id", "");
  out.phase = value.at("phase");
  out.state = value.value("state", "");
  out.reason = value.value("reason", "");
  out.is_stuck = value.value("is_stuck", false);
  out.hosts = value.value("hosts", std::vector<std::string>());
  out.submitted_s = value.value("submitted_s", 0.0);
  out.seen_s = value.value("seen_s", 0.0);
  for (const auto& run : value.at("runs"))
    out.runs.emplace_back(run.get<std::string>());
  return out;
}

}  // namespace

fs::path attempt_folder(const fs::path& run_folder, int64_t number) {
  return run_folder / "attempts" / std::to_string(number);
}

void write_start(const fs::path& attempt_folder, const AttemptStart& start) {
  const double started_s = start.started_s > 0 ? start.started_s : now_s();
  const Value value = {{"launcher", start.launcher},
                       {"job", start.job},
                       {"hosts", start.hosts},
                       {"interface", start.interface},
                       {"rendezvous", start.rendezvous},
                       {"nodes", start.nodes},
                       {"ranks_per_node", start.ranks_per_node},
                       {"threads_per_rank", start.threads_per_rank},
                       {"shared_with", start.shared_with},
                       {"command", start.command},
                       {"started_s", started_s}};
  replace_file(attempt_folder / "launcher.json", json_text(value));
}

std::optional<AttemptStart> read_start(const fs::path& attempt_folder) {
  return read_record(attempt_folder / "launcher.json", start_from);
}

void write_end(const fs::path& attempt_folder, const AttemptEnd& end) {
  const Value value = {{"outcome", outcome_name(end.outcome)},
                       {"ended_s", end.ended_s},
                       {"rank", end.rank},
                       {"exit_code", end.exit_code},
                       {"host", end.host},
                       {"cause", end.cause},
                       {"peak_memory_bytes", end.peak_memory_bytes},
                       {"job_state", end.job_state},
                       {"job_reason", end.job_reason}};
  const fs::path path = attempt_folder / "end.json";
  if (end.outcome == Outcome::kDone)
    replace_file(path, json_text(value));
  else
    write_atomic(path, json_text(value));
}

std::optional<AttemptEnd> read_end(const fs::path& attempt_folder) {
  return read_record(attempt_folder / "end.json", end_from);
}

void note_asked(const fs::path& attempt_folder, Outcome meaning) {
  std::ofstream(attempt_folder / "asked") << outcome_name(meaning) << '\n';
}

std::optional<Outcome> asked(const fs::path& attempt_folder) {
  std::string name;
  std::ifstream file(attempt_folder / "asked");
  if (!std::getline(file, name)) return std::nullopt;
  return outcome_from(name);
}

int64_t counted_failures(const fs::path& run_folder) {
  int64_t first = 1, out = 0;
  std::ifstream(run_folder / "retry") >> first;
  for (int64_t number = last_attempt(run_folder); number >= first; --number) {
    const auto end = read_end(attempt_folder(run_folder, number));
    if (end && may_retry(end->outcome)) ++out;
  }
  return out;
}

void forgive(const fs::path& run_folder) {
  write_atomic(run_folder / "retry", fmt::format("{}\n", last_attempt(run_folder) + 1));
}

// Written, not only touched: some network file systems pass a new time on late. A full disk must
// not end a run that is well.
void beat(const fs::path& attempt_folder) {
  std::ofstream(attempt_folder / "heartbeat") << to_integer(now_s()) << '\n';
}

std::optional<double> heartbeat_age_s(const fs::path& attempt_folder) {
  std::error_code code;
  auto last = fs::last_write_time(attempt_folder / "heartbeat", code);
  if (code) last = fs::last_write_time(attempt_folder / "launcher.json", code);
  if (code) return std::nullopt;
  const auto age = fs::file_time_type::clock::now() - last;
  return std::max(0.0, std::chrono::duration<double>(age).count());
}

fs::path job_folder(const Workspace& workspace, const std::string& name) {
  return workspace.root / "jobs" / name;
}

// A file in jobs/open/ for each job that has not ended, so that finding these costs nothing once
// there have been thousands. It is there whenever the job is open, and seldom for longer.
void write_job(const Workspace& workspace, const JobRecord& job) {
  const fs::path marker = workspace.root / "jobs" / "open" / job.name;
  const bool is_open = job.phase != "ended";
  if (is_open && !fs::exists(marker)) write_atomic(marker, "");
  Value runs = Value::array();
  for (const auto& run : job.runs)
    runs.push_back(run.string());
  const Value value = {{"name", job.name},
                       {"launcher", job.launcher},
                       {"experiment", job.experiment},
                       {"id", job.id},
                       {"phase", job.phase},
                       {"state", job.state},
                       {"reason", job.reason},
                       {"is_stuck", job.is_stuck},
                       {"hosts", job.hosts},
                       {"submitted_s", job.submitted_s},
                       {"seen_s", job.seen_s},
                       {"runs", runs}};
  write_atomic(job_folder(workspace, job.name) / "job.json", json_text(value));
  std::error_code code;
  if (!is_open) fs::remove(marker, code);
}

std::optional<JobRecord> read_job(const Workspace& workspace, const std::string& name) {
  return read_record(job_folder(workspace, name) / "job.json", job_from);
}

std::vector<JobRecord> open_jobs(const Workspace& workspace) {
  std::vector<JobRecord> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.root / "jobs" / "open", none)) {
    auto job = read_job(workspace, entry.path().filename().string());
    if (job && job->phase != "ended") out.push_back(std::move(*job));
  }
  std::sort(out.begin(), out.end(),
            [](const JobRecord& a, const JobRecord& b) { return a.name < b.name; });
  return out;
}

std::string job_of(const fs::path& run_folder) {
  std::string name = read_if_there(run_folder / "job").value_or("");
  while (!name.empty() && name.back() == '\n')
    name.pop_back();
  return name;
}

void set_job_of(const fs::path& run_folder, const std::string& name) {
  std::error_code code;
  if (name.empty()) {
    fs::remove(run_folder / "job", code);
  } else {
    write_atomic(run_folder / "job", name + "\n");
  }
}

}  // namespace xp
