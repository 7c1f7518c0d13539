// Small JSON files, each replaced as a whole; a damaged one is as good as none, because the run's
// own status.json is what counts.
#include "results/runs/attempts.h"

#include "engine/base/error.h"
#include "engine/base/json_numbers.h"
#include "engine/base/json_text.h"
#include "engine/base/to_integer.h"
#include "registry/outcome_json.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

namespace xp {

// The JSON forms of records: members by their names, outcomes and phases by theirs. A name that is
// not known makes a record as good as none.
static void to_json(Value& value, JobPhase phase) {
  value = phase_name(phase);
}
static void from_json(const Value& value, JobPhase& phase) {
  const auto found =
      std::find(kJobPhaseNames.begin(), kJobPhaseNames.end(), value.get_ref<const std::string&>());
  if (found == kJobPhaseNames.end()) throw Value::other_error::create(501, "no phase", &value);
  phase = static_cast<JobPhase>(found - kJobPhaseNames.begin());
}
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AttemptStart, launcher, job, hosts, interface,
                                                rendezvous, nodes, ranks_per_node, threads_per_rank,
                                                shared_with, command, started_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AttemptEnd, outcome, ended_s, rank, exit_code, host,
                                                cause, peak_memory_bytes, cpu_seconds, other_load,
                                                energy_j, job_state, job_reason)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(JobRecord, name, launcher, experiment, id, phase,
                                                state, reason, is_stuck, hosts, submitted_s, seen_s,
                                                runs)

namespace {

constexpr int64_t kSchema = 1;

std::string record_text(Value value) {
  value["schema"] = kSchema;
  return json_text(value, 2) + "\n";
}

// Whether integers of a record are integers and its times are some.
template <class T>
bool is_sound(const Value& record) {
  const Value expected = T{};
  for (const auto& [name, value] : record.items()) {
    const auto known = expected.find(name);
    if (known == expected.end()) continue;
    if (known->is_number_integer() && !value.is_number_integer()) return false;
    if (name.ends_with("_s") && !is_time(value)) return false;
  }
  return true;
}

// Nothing if the file is missing, damaged, lacks one of `required`, or is from a newer xp.
template <class T>
std::optional<T> read_record(const fs::path& path, std::initializer_list<const char*> required) {
  try {
    const auto bytes = read_if_there(path);
    if (!bytes) return std::nullopt;
    const Value value = Value::parse(*bytes, nullptr, /*allow_exceptions=*/false);
    const auto has = [&value](const char* name) { return value.contains(name); };
    if (!value.is_object() || !std::all_of(required.begin(), required.end(), has) ||
        integer_from(value.at("schema")) > kSchema || !is_sound<T>(value))
      return std::nullopt;
    return value.get<T>();
  } catch (const Value::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

fs::path attempt_folder(const fs::path& run_folder, int64_t number) {
  return run_folder / "attempts" / std::to_string(number);
}

void write_start(const fs::path& attempt_folder, const AttemptStart& start) {
  AttemptStart timed = start;
  if (timed.started_s <= 0) timed.started_s = now_s();
  replace_file(attempt_folder / "launcher.json", record_text(timed));
}

std::optional<AttemptStart> read_start(const fs::path& attempt_folder) {
  return read_record<AttemptStart>(
      attempt_folder / "launcher.json",
      {"schema", "launcher", "hosts", "nodes", "ranks_per_node", "threads_per_rank", "command"});
}

void write_end(const fs::path& attempt_folder, const AttemptEnd& end) {
  const fs::path path = attempt_folder / "end.json";
  if (end.outcome == Outcome::kDone)
    replace_file(path, record_text(end));
  else
    write_atomic(path, record_text(end));
}

std::optional<AttemptEnd> read_end(const fs::path& attempt_folder) {
  return read_record<AttemptEnd>(attempt_folder / "end.json", {"schema", "outcome", "ended_s"});
}

void write_end_request(const fs::path& attempt_folder, Outcome meaning) {
  std::ofstream(attempt_folder / "asked") << outcome_name(meaning) << '\n';
}

std::optional<Outcome> read_end_request(const fs::path& attempt_folder) {
  std::string name;
  std::ifstream file(attempt_folder / "asked");
  if (!std::getline(file, name)) return std::nullopt;
  return outcome_from(name);
}

int64_t counted_failures(const fs::path& run_folder) {
  int64_t first = 1, out = 0;
  std::ifstream(run_folder / "retry") >> first;
  // A damaged file counts all of them.
  for (int64_t number = last_attempt(run_folder); number >= std::max<int64_t>(first, 1); --number) {
    const auto end = read_end(attempt_folder(run_folder, number));
    if (end && may_retry(end->outcome)) ++out;
  }
  return out;
}

void reset_retries(const fs::path& run_folder) {
  write_atomic(run_folder / "retry", fmt::format("{}\n", last_attempt(run_folder) + 1));
}

// Written, not only touched: some network file systems pass a new time on late. A full disk must
// not end a run that is well.
void write_heartbeat(const fs::path& attempt_folder) {
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
  return workspace.jobs() / name;
}

fs::path work_file(const fs::path& job_folder) {
  return job_folder / "work.json";
}

// A file in jobs/open/ for each job that has not ended, so that finding these costs nothing once
// there have been thousands. It is there whenever the job is open, and seldom for longer.
void write_job(const Workspace& workspace, const JobRecord& job) {
  const fs::path marker = workspace.jobs() / "open" / job.name;
  const bool is_open = job.phase != JobPhase::kEnded;
  if (is_open && !fs::exists(marker)) write_atomic(marker, "");
  write_atomic(job_folder(workspace, job.name) / "job.json", record_text(job));
  std::error_code code;
  if (!is_open) fs::remove(marker, code);
}

std::optional<JobRecord> read_job(const Workspace& workspace, const std::string& name) {
  return read_record<JobRecord>(job_folder(workspace, name) / "job.json",
                                {"schema", "name", "launcher", "phase", "runs"});
}

std::vector<JobRecord> open_jobs(const Workspace& workspace) {
  std::vector<JobRecord> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.jobs() / "open", none)) {
    auto job = read_job(workspace, entry.path().filename().string());
    if (job && job->phase != JobPhase::kEnded) out.push_back(std::move(*job));
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
