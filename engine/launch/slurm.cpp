// Submissions that reach Slurm once each, questions about jobs, and ending them.
#include "engine/launch/slurm.h"

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/launch/slurm_lookup.h"

#include <algorithm>
#include <csignal>
#include <thread>

namespace xp {
namespace {

using Phase = BatchState::Phase;

// Of an element that is gone from its array, scontrol sometimes says "Job 2_3 not found".
bool is_unknown_job(const Finished& answer) {
  const std::string message = answer.errors + answer.output;
  return message.find("Invalid job id") != message.npos ||
         message.find(" not found") != message.npos;
}

// A job that squeue shows as ended: scontrol adds its exit code, and the last word, since a job
// that lost a node may be on its way back into the queue.
BatchState ended_state(const SlurmJob& listed) {
  const Finished answer = run_program({"scontrol", "show", "job", "-o", listed.id});
  const auto shown = parse_scontrol(answer.output);
  const SlurmJob* found = find_job(shown, listed.name, listed.id);
  return state_of(answer.exit_code == 0 && found != nullptr ? *found : listed);
}

// Whether other elements of the same array are known.
bool has_siblings(const std::vector<SlurmJob>& listed, const std::string& name,
                  const std::string& id) {
  const std::string array = split(id, '_').front();
  return id != array && std::any_of(listed.begin(), listed.end(), [&](const SlurmJob& job) {
           return job.name == listed_name(name) && split(job.id, '_').front() == array;
         });
}

// sbatch hands its environment on. Inside a job that has what is the job's own, which the new one
// would take for its own: the number of its array's element, how often it began.
Environment environment_outside() {
  Environment out = own_environment();
  if (!out.contains("SLURM_JOB_ID")) return out;
  std::erase_if(out, [](const auto& entry) {
    const bool is_of_cluster = entry.first == "SLURM_CONF" || entry.first == "SLURM_JWT";
    return entry.first.starts_with("SLURM") && !is_of_cluster;
  });
  return out;
}

std::string known_partitions() {
  const Finished answer = run_program({"sinfo", "-h", "-o", "%R"});
  const auto names = split(trim(answer.output), '\n');
  return answer.exit_code != 0 ? "" : fmt::format("; known: {}", join(names, ", "));
}

bool is_about_nodes(std::string_view message) {
  return message.find("node configuration") != message.npos;
}

// What to change, by Slurm's message.
std::string advice(std::string_view message, const SlurmSettings& settings, const BatchJob& job) {
  const auto says = [&](std::string_view part) { return message.find(part) != message.npos; };
  if (says("nvalid partition"))
    return fmt::format("'partition' in [launch.slurm] is '{}'{}", settings.partition,
                       known_partitions());
  if (says("nvalid account"))
    return fmt::format(
        "'account' in [launch.slurm] is '{}'; `sacctmgr show associations user=$USER` lists yours",
        settings.account);
  if (says("nvalid qos") || says("nvalid QOS"))
    return fmt::format(
        "'qos' in [launch.slurm] is '{}'; `sacctmgr show associations user=$USER` lists yours",
        settings.qos);
  if (says("time limit") || says("--time"))
    return fmt::format(
        "'time' in [launch.slurm] is '{}'; `sinfo -o '%P %l'` shows what partitions allow",
        settings.time);
  if (says("generic resource"))
    return fmt::format("'gres' in [launch.slurm] is '{}'; `sinfo -o '%P %G'` shows what nodes have",
                       settings.gres);
  if (is_about_nodes(message) || says("Node count") || says("processors"))
    return fmt::format(
        "a job asks for {} x {} ranks with {} each{}; `sinfo -o '%P %D %c %G'` shows what there is",
        job.nodes, job.ranks_per_node,
        settings.cpus_per_rank.value_or(job.threads_per_rank) == 1
            ? "1 processor"
            : fmt::format("{} processors", settings.cpus_per_rank.value_or(job.threads_per_rank)),
        settings.gres.empty() ? "" : fmt::format(" and '{}' a node", settings.gres));
  if (says("unrecognized option") || says("nvalid --")) return "see 'extra' in [launch.slurm]";
  return "see [launch.slurm]";
}

// A trial refuses a job that fits only on nodes out of service at the moment; a submission takes it
// and lets it wait.
bool has_nodes_out(const SlurmSettings& settings) {
  std::vector<std::string> command = {"sinfo", "-h", "-t", "down,drain,drng,fail,maint",
                                      "-o",    "%D"};
  if (!settings.partition.empty()) command.push_back("--partition=" + settings.partition);
  const Finished answer = run_program(command);
  return answer.exit_code == 0 && !trim(answer.output).empty();
}

// A limit on jobs that wait, which the next one that ends makes room under.
bool is_full(std::string_view message) {
  return message.find("MaxSubmit") != message.npos ||
         message.find("SubmitJobsLimit") != message.npos;
}

// "21" of "21;cluster"; "" if there is no number.
std::string submitted_id(std::string_view output) {
  for (const auto& line : split(output, '\n')) {
    const std::string id(trim(split(line, ';').front()));
    const bool is_number = !id.empty() && std::all_of(id.begin(), id.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; });
    if (is_number) return id;
  }
  return "";
}

// What Slurm does not check, and ends badly: no log at all, a job run in /tmp.
void check_places(const BatchJob& job, const fs::path& folder) {
  std::vector<fs::path> places = {folder, job_folder(job, "0")};
  for (int64_t i = 1; i < job.count; ++i)
    places.push_back(job_folder(job, std::to_string(i)));
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) machine_error("'{}' is not a folder", place.string());
  }
  check(!job.command.empty(), "a job has a command");
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  };
  check(std::all_of(job.name.begin(), job.name.end(), is_plain), "a job has a plain name");
}

bool is_killed(const Finished& answer) {
  return answer.exit_code > 128 && answer.exit_code <= 128 + SIGRTMAX;  // 255 is sbatch's own
}

struct Sighting {
  bool is_answered = false;
  std::string id, message;
};

// Also in accounting if the answer to a submission was lost: the job may be over already.
Sighting look_for(const std::string& name, bool has_failed) {
  const Finished answer = ask_queue(name);
  if (answer.exit_code != 0) return {false, "", no_answer("squeue", answer)};
  auto listed = parse_squeue(answer.output);
  if (find_job(listed, name, "") == nullptr && has_failed)
    listed = parse_sacct(ask_accounting("--name=" + name).output);
  const SlurmJob* found = find_job(listed, name, "");
  // Any element stands for its array.
  return {true, found == nullptr ? "" : split(found->id, '_').front(), ""};
}

}  // namespace

const std::vector<std::chrono::milliseconds> SlurmQueue::kPauses = {
    std::chrono::seconds(1), std::chrono::seconds(2), std::chrono::seconds(4),
    std::chrono::seconds(8)};

std::string SlurmQueue::about() const {
  if (find_program("sinfo").empty()) return "";
  const Finished version = run_program({"sinfo", "--version"});
  const Finished answer = run_program({"sinfo", "-h", "-s", "-o", "%R (%D nodes, %a)"});
  if (answer.exit_code != 0) machine_error("{}", trim(answer.errors));
  return fmt::format("{}; partitions {}", trim(version.output),
                     join(split(trim(answer.output), '\n'), ", "));
}

std::string SlurmQueue::problem(const BatchJob& job) const {
  if (find_program("sbatch").empty())
    return "no 'sbatch' on PATH; use a login node of the cluster, or another launcher in [launch]";
  BatchJob asked = job;
  while (true) {
    const TempFolder folder;
    const fs::path script = folder.path() / "script.sh";
    write_atomic(script, sbatch_script(settings_, asked, fs::current_path()));
    auto command = sbatch_command(settings_, asked, true);
    command.push_back(script.string());
    const Finished answer = run_program(command);
    const std::string message = slurm_message(answer.errors);
    // Where Slurm cannot be reached nothing is known of the job.
    if (answer.exit_code == 0 || is_unreachable(message) || is_full(message)) return "";
    if (is_about_nodes(message) && has_nodes_out(settings_)) return "";
    if (asked.exclude.empty())
      return fmt::format("slurm refuses such jobs: {}; {}", message,
                         advice(message, settings_, asked));
    asked.exclude.clear();
  }
}

std::string SlurmQueue::submit(const BatchJob& job) {
  const fs::path folder = fs::current_path();
  check_places(job, folder);
  BatchJob asked = job;
  bool is_lost = false;  // a submission of which nobody knows whether it was accepted
  int absent = 0;
  std::string message;
  for (size_t tried = 0;;) {
    const Sighting seen = look_for(job.name, is_lost);
    if (!seen.id.empty()) return seen.id;
    absent = seen.is_answered ? absent + 1 : 0;
    if (!seen.is_answered) message = seen.message;
    // After a lost answer twice, with a pause between: Slurm may still be reading what we sent.
    if (seen.is_answered && (!is_lost || absent > 1)) {
      absent = 0;
      write_atomic(job_script(job), sbatch_script(settings_, asked, folder));
      auto command = sbatch_command(settings_, asked, false);
      command.push_back(job_script(job).string());
      NewProcess sbatch;
      sbatch.command = command;
      sbatch.environment = environment_outside();
      const Finished answer = run_program(sbatch);
      const std::string id = answer.exit_code == 0 ? submitted_id(answer.output) : "";
      if (!id.empty()) return id;
      message = slurm_message(answer.errors);
      if (is_full(message) && job.count == 0)
        machine_error(
            "your submit limit is reached: {}; run this again when some of your jobs have ended",
            message);
      is_lost = answer.exit_code == 0 || is_killed(answer) || is_unreachable(message);
      if (!is_lost && !asked.exclude.empty()) {
        asked.exclude.clear();  // perhaps too few nodes are left, or one has left the cluster
        continue;
      }
      if (!is_lost)
        user_error("slurm refuses job '{}': {}; {}", job.name, message,
                   advice(message, settings_, asked));
      message = no_answer("sbatch", answer);
    }
    if (tried == pauses_.size())
      machine_error(
          "job '{}' may not be in the queue: {}; run this again later, which looks for "
          "it first",
          job.name, message);
    std::this_thread::sleep_for(pauses_[tried++]);
  }
}

std::map<std::string, BatchState> SlurmQueue::poll(const std::map<std::string, std::string>& jobs) {
  std::map<std::string, BatchState> out;
  if (jobs.empty()) return out;
  const Finished answer = ask_queue("");
  if (answer.exit_code != 0) {
    for (const auto& [name, id] : jobs)
      out[name] = unanswered_state("squeue", answer);
    return out;
  }
  const auto listed = parse_squeue(answer.output);
  std::map<std::string, std::string> absent;
  for (const auto& [name, id] : jobs) {
    if (const SlurmJob* job = find_job(listed, name, id)) {
      out[name] = state_of(*job);
      if (out[name].phase == Phase::kEnded) out[name] = ended_state(*job);
      continue;
    }
    if (id.empty()) {
      absent.emplace(name, id);
      continue;
    }
    const Finished shown = run_program({"scontrol", "show", "job", "-o", id});
    const auto known = parse_scontrol(shown.output);
    const SlurmJob* job = find_job(known, name, id);
    if (job != nullptr)
      out[name] = state_of(*job);
    else if (shown.exit_code == 0 || is_unknown_job(shown))
      absent.emplace(name, id);  // the number may be another job's by now
    else
      out[name] = unanswered_state("scontrol", shown);
  }
  look_up_absent(absent, out);
  for (auto& [name, state] : out) {
    state.id = own_id(state.id, name);
    // An element that is cancelled while it waits leaves no record of its own.
    if (state.is_absent && has_siblings(listed, name, jobs.at(name)))
      state.outcome = Outcome::kCancelled;
  }
  return out;
}

void SlurmQueue::cancel(const std::string& id) {
  // scancel does not report jobs that ended or never existed; `poll` says what became of this one.
  const Finished answer = run_program({"scancel", id});
  if (answer.exit_code != 0) machine_error("{}", no_answer("scancel", answer));
}

bool SlurmQueue::requeue(const std::string& id) {
  return run_program({"scontrol", "requeue", id}).exit_code == 0;
}

}  // namespace xp
