// Putting jobs into Slurm's queue, once each.
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "engine/launch/slurm.h"
#include "engine/launch/slurm_lookup.h"

#include <algorithm>
#include <csignal>
#include <thread>

namespace xp {
namespace {

std::string quoted(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const auto& word : words)
    out.push_back(shell_quoted(word));
  return join(out, " ");
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

// The --exclude of the extra lines would be lost beside ours, which the command line has.
std::vector<std::string> excluded(const SlurmSettings& settings, const BatchJob& job) {
  std::vector<std::string> out = job.exclude;
  for (const auto& line : settings.extra) {
    constexpr std::string_view kOption = "--exclude";
    if (!out.empty() && line.starts_with(kOption) && line.size() > kOption.size())
      out.push_back(line.substr(kOption.size() + 1));
  }
  return out;
}

std::string known_partitions() {
  const Finished answer = run_program({"sinfo", "-h", "-o", "%R"});
  const auto names = split(trim(answer.output), '\n');
  return answer.exit_code != 0 ? "" : fmt::format("; known: {}", join(names, ", "));
}

bool is_about_nodes(std::string_view words) {
  return words.find("node configuration") != words.npos;
}

// What to change, by Slurm's words.
std::string advice(std::string_view words, const SlurmSettings& settings, const BatchJob& job) {
  const auto says = [&](std::string_view part) { return words.find(part) != words.npos; };
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
  if (is_about_nodes(words) || says("Node count") || says("processors"))
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
bool is_full(std::string_view words) {
  return words.find("MaxSubmit") != words.npos || words.find("SubmitJobsLimit") != words.npos;
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

// That of one job, or of element `number` of an array.
fs::path folder_of(const BatchJob& job, const std::string& number) {
  return job.count == 0 ? job.folder : fs::path(job.folder.string() + "_" + number);
}

fs::path script_of(const BatchJob& job) {
  return folder_of(job, "0") / "script.sh";
}

// What Slurm does not check, and ends badly: no log at all, a job run in /tmp.
void check_places(const BatchJob& job, const fs::path& folder) {
  std::vector<fs::path> places = {folder, folder_of(job, "0")};
  for (int64_t i = 1; i < job.count; ++i)
    places.push_back(folder_of(job, std::to_string(i)));
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) machine_error("'{}' is no folder", place.string());
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
  std::string id, words;
};

// Also in accounting where the answer to a submission was lost: the job may be over already.
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

std::vector<Rule> SlurmSettings::rules() {
  return {{"E046",
           "slurm.cpus_per_rank >= threads_per_rank",
           "'cpus_per_rank' in [launch.slurm] is {slurm.cpus_per_rank}, but each rank has "
           "{threads_per_rank} threads; raise it to at least that or leave it out",
           {"slurm.cpus_per_rank", "threads_per_rank"}},
          {"E047",
           "slurm.pack <= 1 or nodes == 1",
           "'pack' in [launch.slurm] is {slurm.pack}, but only runs of one node share a job; these "
           "have {nodes} nodes and a job each",
           {"slurm.pack", "nodes"},
           true}};
}

std::vector<std::string> sbatch_command(const SlurmSettings& settings, const BatchJob& job,
                                        bool shape_only) {
  std::vector<std::string> out = {"sbatch"};
  const auto option = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out.push_back(fmt::format("--{}={}", name, value));
  };
  if (shape_only) {
    out.emplace_back("--test-only");
  } else {
    out.emplace_back("--parsable");
    option("job-name", job.name);
    if (job.count > 0) option("array", fmt::format("0-{}", job.count - 1));
    option("chdir", folder_of(job, "0").string());
    option("output", (folder_of(job, "%a") / "output.log").string());
    option("open-mode", "append");  // a job that starts again keeps its first words
    out.emplace_back("--requeue");
    option("signal", "B:USR1@90");
    option("kill-on-invalid-dep", "yes");
    // Should a submission be doubled after all, the second one waits for the first and finds its
    // work done. Elements of an array would wait for each other.
    const auto is_dependency = [](const auto& line) { return line.starts_with("--dependency"); };
    if (job.count == 0 && std::none_of(settings.extra.begin(), settings.extra.end(), is_dependency))
      option("dependency", "singleton");
  }
  option("nodes", std::to_string(job.nodes));
  option("ntasks-per-node", std::to_string(job.ranks_per_node));
  option("cpus-per-task", std::to_string(settings.cpus_per_rank.value_or(job.threads_per_rank)));
  option("gres", settings.gres);
  if (settings.exclusive) out.emplace_back("--exclusive");
  option("time", settings.time);
  option("partition", settings.partition);
  option("account", settings.account);
  option("qos", settings.qos);
  option("exclude", join(excluded(settings, job), ","));
  return out;
}

std::string sbatch_script(const SlurmSettings& settings, const BatchJob& job,
                          const fs::path& folder) {
  std::string out = "#!/bin/sh\n";
  for (const auto& line : settings.extra)
    out += "#SBATCH " + line + "\n";
  auto command = sbatch_command(settings, job, false);
  command.push_back(script_of(job).string());
  out += "# " + quoted(command) + "\n";
  // Slurm itself would start it in /tmp where the folder is missing on a node.
  out += "cd " + shell_quoted(folder.string()) + " || exit 127\n";
  // The program takes the shell's place, and so gets the signals that Slurm sends to the script.
  std::vector<std::string> words;
  for (const auto& word : job.command) {
    const bool is_folder = job.count > 0 && word == job.folder.string();
    words.push_back(shell_quoted(word) + (is_folder ? "_\"$SLURM_ARRAY_TASK_ID\"" : ""));
  }
  return out + "exec " + join(words, " ") + "\n";
}

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
    const std::string words = slurm_words(answer.errors);
    // Where Slurm cannot be reached nothing is known of the job.
    if (answer.exit_code == 0 || is_unreachable(words) || is_full(words)) return "";
    if (is_about_nodes(words) && has_nodes_out(settings_)) return "";
    if (asked.exclude.empty())
      return fmt::format("slurm refuses such jobs: {}; {}", words, advice(words, settings_, asked));
    asked.exclude.clear();
  }
}

std::string SlurmQueue::submit(const BatchJob& job) {
  const fs::path folder = fs::current_path();
  check_places(job, folder);
  BatchJob asked = job;
  bool is_lost = false;  // a submission of which nobody knows whether it was accepted
  int absent = 0;
  std::string words;
  for (size_t tried = 0;;) {
    const Sighting seen = look_for(job.name, is_lost);
    if (!seen.id.empty()) return seen.id;
    absent = seen.is_answered ? absent + 1 : 0;
    if (!seen.is_answered) words = seen.words;
    // After a lost answer twice, with a pause between: Slurm may still be reading what we sent.
    if (seen.is_answered && (!is_lost || absent > 1)) {
      absent = 0;
      write_atomic(script_of(job), sbatch_script(settings_, asked, folder));
      auto command = sbatch_command(settings_, asked, false);
      command.push_back(script_of(job).string());
      NewProcess sbatch;
      sbatch.command = command;
      sbatch.environment = environment_outside();
      const Finished answer = run_program(sbatch);
      const std::string id = answer.exit_code == 0 ? submitted_id(answer.output) : "";
      if (!id.empty()) return id;
      words = slurm_words(answer.errors);
      if (is_full(words) && job.count == 0)
        machine_error(
            "slurm takes no further job of yours now: {}; run this again when some have "
            "ended",
            words);
      is_lost = answer.exit_code == 0 || is_killed(answer) || is_unreachable(words);
      if (!is_lost && !asked.exclude.empty()) {
        asked.exclude.clear();  // perhaps too few nodes are left, or one has left the cluster
        continue;
      }
      if (!is_lost)
        user_error("slurm refuses job '{}': {}; {}", job.name, words,
                   advice(words, settings_, asked));
      words = no_answer("sbatch", answer);
    }
    if (tried == pauses_.size())
      machine_error(
          "job '{}' may not be in the queue: {}; run this again later, which looks for "
          "it first",
          job.name, words);
    std::this_thread::sleep_for(pauses_[tried++]);
  }
}

}  // namespace xp
