// squeue, scontrol and sacct, and the names that jobs have there.
#include "engine/launch/slurm_lookup.h"

#include "engine/base/text.h"

#include <algorithm>
#include <set>

namespace xp {
namespace {

using Phase = BatchState::Phase;

// "_3" of "xp-a_3"; "" if there is no number.
std::string element_of(const std::string& name) {
  const size_t at = name.rfind('_');
  if (at == name.npos || at + 1 == name.size()) return "";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_number =
      std::all_of(name.begin() + static_cast<ptrdiff_t>(at) + 1, name.end(), is_digit);
  return is_number ? name.substr(at) : "";
}

bool has_no_accounting(const Finished& answer) {
  return answer.exit_code == 127 || answer.errors.find("storage is disabled") != std::string::npos;
}

// Of accounting only an end is believed: the controller no longer knows the job, so that one which
// is "RUNNING" here was never taken off the books.
BatchState booked_state(const SlurmJob& job) {
  BatchState out = state_of(job);
  if (out.phase == Phase::kEnded) return out;
  out.phase = Phase::kUnknown;
  out.is_stuck = false;
  out.is_absent = true;
  return out;
}

BatchState absent_state() {
  BatchState out;
  out.reason = "slurm does not know it";
  out.is_absent = true;
  return out;
}

}  // namespace

Finished ask_queue(const std::string& name) {
  // -r: a line for each element of an array, whose list would be cut short.
  std::vector<std::string> command = {"squeue", "-h",  "--me", "-a",        "-r",
                                      "-t",     "all", "-o",   kQueueFields};
  // Never -j: one unknown number, and squeue says nothing of the others.
  if (!name.empty()) command.push_back("--name=" + name);
  return run_program(command);
}

Finished ask_accounting(const std::string& selection) {
  // Without a day to begin with, sacct looks at names of today only.
  return run_program(
      {"sacct", "-X", "-n", "-P", "-S", "now-30days", "-o", kAccountingFields, selection});
}

std::string no_answer(std::string_view command, const Finished& answer) {
  if (answer.exit_code == 127)
    return fmt::format("no '{}' on PATH; use a login node of the cluster", command);
  const std::string words = slurm_message(answer.errors);
  return fmt::format(
      "slurm does not answer: {}",
      words.empty() ? fmt::format("{} ended with exit code {}", command, answer.exit_code) : words);
}

std::string listed_name(const std::string& name) {
  return name.substr(0, name.size() - element_of(name).size());
}

std::string own_id(std::string_view listed, const std::string& name) {
  const std::string element = element_of(name);
  const size_t at = listed.find('_');
  return std::string(listed.substr(0, element.empty() ? listed.npos : at)) +
         (at == listed.npos ? "" : element);
}

const SlurmJob* find_job(const std::vector<SlurmJob>& jobs, const std::string& name,
                         const std::string& id) {
  const std::string array = listed_name(name);
  const SlurmJob* out = nullptr;
  for (const auto& job : jobs) {
    const bool is_element = job.name == array && is_about(job.id, own_id(job.id, name));
    const bool is_ours = job.name == name || (array != name && is_element);
    if (!is_ours || (!id.empty() && !is_about(job.id, id))) continue;
    // Refused by sbatch, and on record all the same.
    if (id.empty() && job.state == "FAILED" && job.reason == "BadConstraints") continue;
    const bool is_open = state_of(job).phase != Phase::kEnded;
    if (out == nullptr || (is_open && state_of(*out).phase == Phase::kEnded)) out = &job;
  }
  return out;
}

BatchState unanswered_state(std::string_view command, const Finished& answer) {
  BatchState out;
  out.reason = no_answer(command, answer);
  return out;
}

void look_up_absent(const std::map<std::string, std::string>& jobs,
                    std::map<std::string, BatchState>& states) {
  std::vector<std::string> ids;
  std::set<std::string> names;
  for (const auto& [name, id] : jobs) {
    if (!id.empty()) ids.push_back(id);
    if (id.empty()) names.insert(listed_name(name));
  }
  const auto query = [&](const std::string& selection, bool by_id) {
    const Finished answer = ask_accounting(selection);
    const auto booked = parse_sacct(answer.output);
    for (const auto& [name, id] : jobs) {
      if (id.empty() == by_id) continue;
      if (const SlurmJob* job = find_job(booked, name, id))
        states[name] = booked_state(*job);
      else
        states[name] = answer.exit_code == 0 || has_no_accounting(answer)
                           ? absent_state()
                           : unanswered_state("sacct", answer);
    }
  };
  if (!ids.empty()) query("--jobs=" + join(ids, ","), true);
  if (!names.empty())
    query("--name=" + join(std::vector<std::string>(names.begin(), names.end()), ","), false);
}

}  // namespace xp
