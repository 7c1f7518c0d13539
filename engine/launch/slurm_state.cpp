// Slurm's states and messages, in tables.
#include "engine/launch/slurm_state.h"

#include "engine/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <map>
#include <optional>

namespace xp {
namespace {

using Phase = BatchState::Phase;

// What 4294967294 (NO_VAL) and its like stand for: not set.
bool is_unset(std::string_view text) {
  static constexpr std::array kWords = {"",           "(null)",       "null",      "None assigned",
                                        "N/A",        "n/a",          "None",      "Unknown",
                                        "4294967294", "4294967294:0", "4294967295"};
  return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

std::string set_or_empty(std::string_view text) {
  text = trim(text);
  return std::string(is_unset(text) ? "" : text);
}

std::optional<int64_t> number_of(std::string_view text) {
  int64_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

bool is_job_id(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

std::string state_word(std::string_view text) {
  std::string out = split(trim(text), ' ').front();
  if (out.ends_with('+')) out.pop_back();
  return out;
}

std::vector<std::string> hosts_of(std::string_view list) {
  return expand_hosts(set_or_empty(list));
}

// The first `count` - 1 separators split; the rest is one field, whatever it holds.
std::vector<std::string> fields_of(std::string_view line, size_t count) {
  std::vector<std::string> out;
  while (out.size() + 1 < count) {
    const size_t at = line.find('|');
    if (at == line.npos) return {};
    out.emplace_back(line.substr(0, at));
    line.remove_prefix(at + 1);
  }
  out.emplace_back(line);
  return out;
}

// The value of ` KEY=` in a line of scontrol, up to `end`.
std::string value_of(std::string_view line, std::string_view key, std::string_view end = " ") {
  const std::string word = fmt::format("{}=", key);
  size_t at = line.starts_with(word) ? 0 : line.find(" " + word);
  if (at == line.npos) return "";
  at += word.size() + (at == 0 && line.starts_with(word) ? 0 : 1);
  return set_or_empty(line.substr(at, line.find(end, at) - at));
}

// Beyond these a list is damaged: no cluster has more nodes, no host a longer name.
constexpr size_t kMaxHosts = 200'000, kMaxNameBytes = 255;

struct Range {
  int64_t first = 0, last = 0;
  size_t width = 0;  ///< digits, zeros in front included
};

// One part of a bracket: "3", "0-2", "08-10"; nothing if it is neither.
std::optional<Range> range_in(std::string_view part) {
  const size_t dash = part.find('-');
  const std::string_view first = part.substr(0, dash);
  const auto from = number_of(first);
  const auto to = dash == part.npos ? from : number_of(part.substr(dash + 1));
  if (!from || !to || *to < *from || first.size() > kMaxNameBytes) return std::nullopt;
  return Range{*from, *to, first.size()};
}

// "0-1,08" -> 0, 1, 08; nothing if it is no such list.
std::optional<std::vector<std::string>> numbers_in(std::string_view list) {
  std::vector<std::string> out;
  for (const auto& part : split(list, ',')) {
    const auto range = range_in(part);
    if (!range) return std::nullopt;
    if (range->last - range->first >= static_cast<int64_t>(kMaxHosts - out.size()))
      return std::nullopt;
    for (int64_t i = range->first; i <= range->last; ++i)
      out.push_back(fmt::format("{:0{}}", i, range->width));
  }
  return out;
}

// "a[0-1]b[2]" -> a0b2, a1b2; nothing if brackets do not fit.
std::optional<std::vector<std::string>> expand_one(std::string_view text) {
  std::vector<std::string> out = {""};
  while (true) {
    const size_t open = text.find('[');
    for (auto& name : out)
      name += text.substr(0, open);
    if (out.front().size() > kMaxNameBytes) return std::nullopt;
    if (open == text.npos) return out;
    const size_t close = text.find(']', open);
    if (close == text.npos) return std::nullopt;
    const auto numbers = numbers_in(text.substr(open + 1, close - open - 1));
    if (!numbers || out.size() * numbers->size() > kMaxHosts) return std::nullopt;
    std::vector<std::string> longer;
    longer.reserve(out.size() * numbers->size());
    for (const auto& name : out) {
      for (const auto& number : *numbers)
        longer.push_back(name + number);
    }
    out = std::move(longer);
    text.remove_prefix(close + 1);
  }
}

// What a job that FAILED shows of its batch process, which is `xp work` itself.
Outcome outcome_of_failure(const SlurmJob& job) {
  if (job.reason == "BadConstraints") return Outcome::kUser;
  const auto parts = split(job.exit, ':');
  const int64_t code = number_of(parts.front()).value_or(0);
  int64_t signal = parts.size() > 1 ? number_of(parts[1]).value_or(0) : 0;
  constexpr int64_t kNotStarted = 53, kMemoryLimit = 125;  // Slurm's own, in place of a signal
  if (signal == kMemoryLimit) return Outcome::kMemory;
  if (signal == kNotStarted) return Outcome::kMachine;
  if (signal == 0 && code > 128) signal = code - 128;  // as a shell says it
  switch (signal) {
    case 0:
      break;
    case SIGKILL:  // Slurm's own kills have states of their own; this one is the kernel's
      return Outcome::kMemory;
    case SIGSEGV:
    case SIGABRT:
    case SIGFPE:
    case SIGILL:
      return Outcome::kBug;
    case SIGBUS:  // a mapped file whose disk gave way
      return Outcome::kMachine;
    default:
      return Outcome::kLost;
  }
  if (code == 3) return Outcome::kUser;
  if (code == 1) return Outcome::kMachine;                   // as `xp work` says it
  if (code == 126 || code == 127) return Outcome::kMachine;  // the program is not on that node
  return Outcome::kLost;
}

struct Meaning {
  Phase phase;
  Outcome outcome = Outcome::kLost;
  bool is_stuck = false;
};

// The states of Slurm's manual. One that is not here is not known, hence not an end.
const std::map<std::string_view, Meaning>& meanings() {
  static const std::map<std::string_view, Meaning> kMeanings = {
      {"PENDING", {Phase::kPending}},
      {"CONFIGURING", {Phase::kPending}},  // it has nodes, which are being made ready
      {"REQUEUED", {Phase::kPending}},
      {"REQUEUE_FED", {Phase::kPending}},
      // Held: somebody has to release or cancel it. It may run then, so it is not over.
      {"REQUEUE_HOLD", {Phase::kPending, Outcome::kLost, true}},
      {"RESV_DEL_HOLD", {Phase::kPending, Outcome::kLost, true}},
      {"SPECIAL_EXIT", {Phase::kPending, Outcome::kLost, true}},
      {"RUNNING", {Phase::kRunning}},
      {"COMPLETING", {Phase::kRunning}},
      {"RESIZING", {Phase::kRunning}},
      {"SIGNALING", {Phase::kRunning}},
      {"STAGE_OUT", {Phase::kRunning}},
      {"STOPPED", {Phase::kRunning}},
      {"SUSPENDED", {Phase::kRunning}},
      {"COMPLETED", {Phase::kEnded, Outcome::kDone}},
      {"FAILED", {Phase::kEnded, Outcome::kLost}},
      {"CANCELLED", {Phase::kEnded, Outcome::kCancelled}},
      {"TIMEOUT", {Phase::kEnded, Outcome::kTimeLimit}},
      // The user's own --deadline: later it would not fit either.
      {"DEADLINE", {Phase::kEnded, Outcome::kUser}},
      {"NODE_FAIL", {Phase::kEnded, Outcome::kMachine}},
      {"BOOT_FAIL", {Phase::kEnded, Outcome::kMachine}},
      {"OUT_OF_MEMORY", {Phase::kEnded, Outcome::kMemory}},
      {"PREEMPTED", {Phase::kEnded, Outcome::kPreempted}},
      {"REVOKED", {Phase::kEnded, Outcome::kLost}}};
  return kMeanings;
}

}  // namespace

std::vector<SlurmJob> parse_squeue(std::string_view text) {
  std::vector<SlurmJob> out;
  for (const auto& line : split(text, '\n')) {
    const auto fields = fields_of(line, 5);
    if (fields.empty() || !is_job_id(fields[0])) continue;
    out.push_back({.id = fields[0],
                   .name = fields[3],
                   .state = state_word(fields[1]),
                   .reason = set_or_empty(fields[4]),
                   .hosts = hosts_of(fields[2]),
                   .exit = ""});
  }
  return out;
}

std::vector<SlurmJob> parse_scontrol(std::string_view text) {
  std::vector<SlurmJob> out;
  for (const auto& line : split(text, '\n')) {
    SlurmJob job;
    job.id = value_of(line, "JobId");
    if (!is_job_id(job.id)) continue;
    const std::string array = value_of(line, "ArrayJobId"), task = value_of(line, "ArrayTaskId");
    if (!array.empty() && !task.empty())
      job.id = number_of(task) ? array + "_" + task : fmt::format("{}_[{}]", array, task);
    job.name = value_of(line, "JobName", " UserId=");
    job.state = state_word(value_of(line, "JobState"));
    job.reason = value_of(line, "Reason", " Dependency=");
    job.hosts = hosts_of(value_of(line, "NodeList"));
    job.exit = value_of(line, "ExitCode");
    job.restarts = number_of(value_of(line, "Restarts")).value_or(0);
    out.push_back(std::move(job));
  }
  return out;
}

std::vector<SlurmJob> parse_sacct(std::string_view text) {
  std::vector<SlurmJob> out;
  for (const auto& line : split(text, '\n')) {
    const auto fields = fields_of(line, 5);
    if (fields.empty() || !is_job_id(fields[0]) || fields[0].find('.') != std::string::npos)
      continue;
    std::erase_if(out, [&](const SlurmJob& earlier) { return earlier.id == fields[0]; });
    out.push_back({.id = fields[0],
                   .name = fields[4],
                   .state = state_word(fields[1]),
                   .reason = "",
                   .hosts = hosts_of(fields[3]),
                   .exit = set_or_empty(fields[2])});
  }
  return out;
}

bool is_about(std::string_view listed, std::string_view id) {
  if (listed == id) return true;
  const size_t bracket = listed.find("_[");
  if (bracket == listed.npos || !id.starts_with(listed.substr(0, bracket + 1))) return false;
  std::string_view tasks = listed.substr(bracket + 2);
  tasks = tasks.substr(0, tasks.find_first_of("]%"));
  const auto task = number_of(id.substr(bracket + 1));
  const auto parts = split(tasks, ',');
  return task && std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
           const auto range = range_in(part);
           return range && range->first <= *task && *task <= range->last;
         });
}

std::vector<std::string> expand_hosts(std::string_view list) {
  std::vector<std::string> out;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && list[i] == '[') ++depth;
    if (i < list.size() && list[i] == ']') --depth;
    if (i < list.size() && (list[i] != ',' || depth > 0)) continue;
    const std::string_view one = list.substr(begin, i - begin);
    begin = i + 1;
    if (one.empty()) continue;
    const auto names = expand_one(one);
    if (!names || out.size() + names->size() > kMaxHosts) return {std::string(list)};
    out.insert(out.end(), names->begin(), names->end());
  }
  return out;
}

bool is_stuck_reason(std::string_view reason) {
  std::string text(reason);
  std::replace(text.begin(), text.end(), '_', ' ');  // scontrol has them in place of spaces
  static constexpr std::array kWhole = {
      "DependencyNeverSatisfied", "PartitionNodeLimit", "PartitionTimeLimit", "PartitionConfig",
      "BadConstraints",           "AccountNotAllowed",  "QOSNotAllowed",      "JobHoldMaxRequeue",
      "MaxMemPerLimit",           "ReservationDeleted"};
  if (std::find(kWhole.begin(), kWhole.end(), text) != kWhole.end()) return true;
  if (text.starts_with("Invalid") || text.starts_with("JobHeld")) return true;
  if (text.ends_with(" held") || text.ends_with(" held state")) return true;
  // A limit on how many jobs run at once passes when one of them ends; the others may be smaller
  // than this job alone.
  const bool is_limit = text.starts_with("Assoc") || text.starts_with("QOS");
  return is_limit && text.find("Jobs") == text.npos;
}

BatchState state_of(const SlurmJob& job) {
  BatchState out;
  out.id = job.id;
  out.state = job.state;
  out.reason = job.reason;
  out.hosts = job.hosts;
  out.exit = job.exit;
  out.restarts = job.restarts;
  const auto found = meanings().find(job.state);
  if (found == meanings().end()) return out;
  out.phase = found->second.phase;
  out.outcome = found->second.outcome;
  if (job.state == "FAILED") out.outcome = outcome_of_failure(job);
  const bool is_clean = job.exit.empty() || job.exit == "0:0";
  if (job.state == "COMPLETED" && !is_clean) out.outcome = outcome_of_failure(job);
  if (out.phase == Phase::kPending)
    out.is_stuck = found->second.is_stuck || is_stuck_reason(job.reason);
  return out;
}

std::string slurm_message(std::string_view errors) {
  static constexpr std::array kPrefixes = {"sbatch: ",
                                           "squeue: ",
                                           "scontrol: ",
                                           "scancel: ",
                                           "sacct: ",
                                           "srun: ",
                                           "error: ",
                                           "fatal: ",
                                           "allocation failure: ",
                                           "Batch job submission failed: "};
  std::vector<std::string> out;
  for (const auto& line : split(errors, '\n')) {
    std::string_view message = trim(line);
    for (const std::string_view prefix : kPrefixes) {
      if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
    }
    if (!message.empty() && !message.starts_with("Try \"sbatch --help\""))
      out.emplace_back(message);
  }
  return join(out, "; ");
}

bool is_unreachable(std::string_view message) {
  static constexpr std::array kWords = {"Unable to contact slurm controller",
                                        "Socket timed out",
                                        "Connection refused",
                                        "Connection reset",
                                        "Connection timed out",
                                        "Communication connection failure",
                                        "Zero Bytes were transmitted",
                                        "standby mode",
                                        "temporarily unable",
                                        "temporarily unavailable",
                                        "Transport endpoint is not connected",
                                        "Message receive failure",
                                        "Message send failure",
                                        "Unable to establish"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view one) { return message.find(one) != message.npos; });
}

}  // namespace xp
