// `xp why`: why a run failed, stopped or waits, on one screen.
#include "engine/base/json_text.h"
#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/advice.h"
#include "engine/cli/points/log_tail.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/run/run_progress.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace xp {
namespace {

struct Options : PointOptions {};

constexpr size_t kLogLines = 12;
constexpr size_t kMaxAttempts = 8;

/// One attempt as a line.
struct Try {
  int64_t number = 0;
  std::optional<AttemptStart> start;
  std::optional<AttemptEnd> end;
  double seconds = 0;  ///< its duration, 0 = unknown
};

/// Everything that `why` prints.
struct Explanation {
  NamedRun run;
  std::vector<Try> tries;  ///< the last ones
  int64_t num_tries = 0;
  int64_t checkpoint = 0, total = 0;
  double memory_expected = 0;  ///< bytes of a rank, 0 = not known
  std::optional<JobRecord> job;
  fs::path log;  ///< empty if there is none
  std::string last_words;
  Value spec;
  Advice advice;
};

// From its start to its recorded end, else to its last event.
double seconds_of(const Try& one, const fs::path& attempt) {
  if (one.start && one.end && one.end->ended_s > one.start->started_s)
    return one.start->started_s > 0 ? one.end->ended_s - one.start->started_s : 0;
  size_t offset = 0;
  const auto events = read_events(attempt, offset);
  return events.empty() ? 0 : events.back().seconds;
}

void read_attempts(Explanation& out) {
  const fs::path& folder = out.run.folder;
  out.num_tries = last_attempt(folder);
  for (int64_t i = 1; i <= out.num_tries; ++i) {
    RunProgress progress(attempt_folder(folder, i));
    progress.refresh();
    out.checkpoint = std::max(out.checkpoint, progress.checkpoint());
    out.total = std::max(out.total, progress.total());
    if (i <= out.num_tries - static_cast<int64_t>(kMaxAttempts)) continue;
    Try& one = out.tries.emplace_back();
    one.number = i;
    one.start = read_start(progress.folder());
    one.end = read_end(progress.folder());
    one.seconds = seconds_of(one, progress.folder());
  }
}

Explanation explanation_of(const Workspace& workspace, NamedRun run) {
  Explanation out;
  out.run = std::move(run);
  read_attempts(out);
  const fs::path spec = spec_file(out.run.folder);
  if (fs::exists(spec)) out.spec = load_toml(spec.string());
  out.job = job_of_run(workspace, out.run);
  if (out.run.point != nullptr && out.run.point->assessment != nullptr) {
    const auto& figures = out.run.point->assessment->figures;
    const auto found = figures.find("memory_bytes");
    if (found != figures.end()) out.memory_expected = found->second;
  }
  if (out.num_tries > 0) out.log = log_that_matters(attempt_folder(out.run.folder, out.num_tries));
  const bool has_no_rank_log = out.log.empty() || !fs::exists(out.log);
  if (has_no_rank_log)
    out.log = out.job ? job_folder(workspace, out.job->name) / "output.log" : fs::path();
  if (!out.log.empty()) out.last_words = last_lines(out.log, kLogLines);
  out.advice = retry_advice(out.run.standing, out.spec, out.checkpoint);
  return out;
}

std::string clock_text(double seconds) {
  if (seconds <= 0) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(static_cast<time_t>(seconds)));
}

// "137 (SIGKILL)": a shell adds 128 to a signal's number.
std::string exit_text(int code) {
  const char* name = code > 128 ? ::sigabbrev_np(code - 128) : nullptr;
  return name == nullptr ? std::to_string(code) : fmt::format("{} (SIG{})", code, name);
}

std::string outcome_text(const Try& one, const Explanation& about) {
  if (!one.end) {
    const bool is_last = one.number == about.num_tries;
    return is_last && is_live(about.run.standing.state) ? "running" : "its end was not recorded";
  }
  const std::string name(outcome_name(one.end->outcome));
  return one.end->cause.empty() ? name : name + ": " + one.end->cause;
}

using Rows = std::vector<std::vector<std::string>>;

void add_end(const AttemptEnd& end, double expected, Rows& rows) {
  if (end.exit_code != 0) {
    rows.push_back({"  exit", exit_text(end.exit_code) +
                                  (end.rank < 0 ? "" : fmt::format(", rank {}", end.rank)) +
                                  (end.host.empty() ? "" : " on " + end.host)});
  }
  if (end.peak_memory_bytes > 0) {
    std::string text = human_bytes(static_cast<double>(end.peak_memory_bytes)) + " at its peak";
    if (expected > 0) text += fmt::format("; {} a rank were expected", human_bytes(expected));
    rows.push_back({"  memory", text});
  }
}

// The state that the scheduler reported at the end of the attempt, else its current one.
void add_scheduler(const Explanation& about, const AttemptEnd* end, Rows& rows) {
  const JobRecord* job = about.job ? &*about.job : nullptr;
  std::string state = end == nullptr ? "" : end->job_state;
  std::string reason = end == nullptr ? "" : end->job_reason;
  if (state.empty() && job != nullptr) {
    state = job->state;
    reason = job->reason;
  }
  if (job == nullptr && state.empty()) return;
  std::string text;
  if (job != nullptr) text = job->id.empty() ? job->name : "job " + job->id;
  const bool has_reason = !reason.empty() && reason != "None";
  text += (text.empty() || state.empty() ? "" : ": ") + state + (has_reason ? ", " + reason : "");
  rows.push_back({"  scheduler", text});
}

void print_facts(const Explanation& about) {
  const Standing& now = about.run.standing;
  const std::string name = now.class_name(), cause = now.cause();
  const bool is_cancelled = name == outcome_name(Outcome::kCancelled) && !is_live(now.state);
  const std::string_view word = is_cancelled ? std::string_view(name) : state_name(now.state);
  const bool says_more = !name.empty() && name != word;
  fmt::print("{}: {}{}\n", about.run.title(), word, says_more ? ", " + name : "");
  Rows rows;
  if (!about.run.name.empty())
    rows.push_back({"  point", about.run.name + " of " + about.run.experiment});
  if (!cause.empty()) rows.push_back({"  cause", cause});
  const AttemptEnd* end = now.end ? &*now.end : nullptr;
  if (end != nullptr) add_end(*end, about.memory_expected, rows);
  add_scheduler(about, end, rows);
  if (about.checkpoint > 0) {
    rows.push_back({"  saved", fmt::format("update {}{}", about.checkpoint,
                                           about.total > 0 ? fmt::format(" of {}", about.total)
                                                           : std::string())});
  }
  fmt::print("{}", text_table(rows));
}

// Several nodes of a topology may be on one machine.
std::vector<std::string> distinct(std::vector<std::string> hosts) {
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  return hosts;
}

void print_attempts(const Explanation& about) {
  if (about.tries.empty()) return;
  Rows rows = {{"attempt", "began", "took", "where", "ended"}};
  for (const auto& one : about.tries) {
    std::string where = one.start ? join(distinct(one.start->hosts), ", ") : "";
    if (where.find(',') != where.npos && !one.start->interface.empty())
      where += " over " + one.start->interface;
    if (one.start && !one.start->job.empty()) where += " (job " + one.start->job + ")";
    rows.push_back({std::to_string(one.number), clock_text(one.start ? one.start->started_s : 0),
                    one.seconds > 0 ? human_duration(one.seconds) : "-",
                    where.empty() ? "-" : where, outcome_text(one, about)});
  }
  fmt::print("\n{}", text_table(rows));
}

// A line as a terminal shows it in the end: after carriage returns, without escape sequences.
std::string printable(std::string line) {
  while (line.ends_with('\r'))
    line.pop_back();
  line.erase(0, line.rfind('\r') + 1);
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\033' && i + 1 < line.size() && line[i + 1] == '[') {
      i = line.find_first_not_of("0123456789;?", i + 2);
      if (i == std::string::npos) break;
    } else if (static_cast<unsigned char>(line[i]) >= ' ' || line[i] == '\t') {
      out += line[i];
    }
  }
  return out;
}

void print_last_words(const Explanation& about) {
  if (about.last_words.empty()) return;
  fmt::print("\n{} ends with\n", about.log.string());
  for (const auto& line : split(trim(about.last_words), '\n'))
    fmt::print("  | {}\n", printable(line));
}

std::string next_words(const Options& options, const Explanation& about) {
  const std::string where = workspace_words(options);
  const RunState state = about.run.standing.state;
  const std::string& id = about.run.id;
  std::string file = shell_word(options.spec);
  if (options.spec.empty()) {
    const auto recorded = recorded_options(options, about.run.experiment);
    file = recorded ? shell_word(recorded->spec) : "FILE";
  }
  if (state == RunState::kDone) return "xp show " + id + where;
  if (about.advice.may_help) return "xp retry " + id + where;
  if (state == RunState::kQueued || state == RunState::kSilent)
    return about.advice.is_needless ? "xp watch" + where : "xp cancel " + id + where;
  if (is_live(state)) return "xp logs -f " + id + where;
  if (about.advice.is_needless) return "xp run " + file + where;
  return "xp check " + file;
}

Value try_json(const Try& one, const Explanation& about) {
  return {{"attempt", one.number},
          {"started_s", one.start ? Value(one.start->started_s) : Value()},
          {"seconds", one.seconds > 0 ? Value(one.seconds) : Value()},
          {"hosts", one.start ? Value(one.start->hosts) : Value::array()},
          {"interface", one.start ? Value(one.start->interface) : Value()},
          {"job", one.start ? Value(one.start->job) : Value()},
          {"class", one.end ? Value(outcome_name(one.end->outcome)) : Value()},
          {"exit_code", one.end ? Value(one.end->exit_code) : Value()},
          {"rank", one.end ? Value(one.end->rank) : Value()},
          {"host", one.end ? Value(one.end->host) : Value()},
          {"peak_memory_bytes", one.end ? Value(one.end->peak_memory_bytes) : Value()},
          {"job_state", one.end ? Value(one.end->job_state) : Value()},
          {"job_reason", one.end ? Value(one.end->job_reason) : Value()},
          {"ended", outcome_text(one, about)}};
}

void print_json(const Explanation& about) {
  Value tries = Value::array();
  for (const auto& one : about.tries)
    tries.push_back(try_json(one, about));
  const Standing& now = about.run.standing;
  fmt::print(
      "{}\n",
      json_text(
          {{"schema_version", 1},
           {"kind", kind_name(about.run.kind)},
           {"id", about.run.id},
           {"name", about.run.name},
           {"experiment", about.run.experiment},
           {"state", state_name(now.state)},
           {"class", now.class_name()},
           {"cause", now.cause()},
           {"job", about.job ? Value(about.job->id) : Value()},
           {"checkpoint", about.checkpoint},
           {"attempts", tries},
           {"log", about.log.string()},
           {"last_lines", about.last_words},
           {"retry", {{"may_help", about.advice.may_help}, {"sentence", about.advice.sentence}}}},
          2));
}

int explain(const Options& options) {
  std::optional<OpenPoints> open;
  auto run = named_run(options, open);
  if (!run) return Exit::kSpec;
  const Explanation about = explanation_of({options.workspace}, std::move(*run));
  if (options.json) {
    print_json(about);
    return Exit::kDone;
  }
  print_facts(about);
  print_attempts(about);
  print_last_words(about);
  if (about.run.standing.state != RunState::kDone)
    fmt::print("\nretry: {}\n", about.advice.sentence);
  fmt::print("next: {}\n", next_words(options, about));
  return Exit::kDone;
}

XP_COMMAND(Options, explain, "why", Group::kRuns,
           "explain why a run failed, stopped or waits, and what to do");

}  // namespace
}  // namespace xp
