// Options that say where a job runs differ from those that say what it is.
#include "engine/launch/sbatch.h"

#include "engine/base/file.h"
#include "engine/base/shell.h"
#include "engine/base/text.h"

#include <algorithm>

namespace xp {
namespace {

std::string quoted(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const auto& word : words)
    out.push_back(shell_quoted(word));
  return join(out, " ");
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

}  // namespace

fs::path job_folder(const BatchJob& job, const std::string& number) {
  return job.count == 0 ? job.folder : fs::path(job.folder.string() + "_" + number);
}

fs::path job_script(const BatchJob& job) {
  return job_folder(job, "0") / "script.sh";
}

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
           true},
          {"E051",
           "device != 'cuda' or slurm.gres != ''",
           "'device' in [launch] is \"cuda\", but 'gres' in [launch.slurm] is empty: a job gets no "
           "GPU unless 'extra' asks for some; use gres = \"gpu:{ranks_per_node}\"",
           {"slurm.gres", "device"},
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
    option("chdir", job_folder(job, "0").string());
    option("output", (job_folder(job, "%a") / "output.log").string());
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
  command.push_back(job_script(job).string());
  out += "# " + quoted(command) + "\n";
  // Slurm itself would start it in /tmp if the folder is missing on a node.
  out += "cd " + shell_quoted(folder.string()) + " || exit 127\n";
  // The program takes the shell's place, and so gets the signals that Slurm sends to the script.
  std::vector<std::string> words;
  for (const auto& word : job.command) {
    const bool is_folder = job.count > 0 && word == job.folder.string();
    words.push_back(shell_quoted(word) + (is_folder ? "_\"$SLURM_ARRAY_TASK_ID\"" : ""));
  }
  return out + "exec " + join(words, " ") + "\n";
}

}  // namespace xp
