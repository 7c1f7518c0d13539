// srun as a child process, watched together with the records of the nodes.
#include "engine/launch/slurm_step.h"

#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/launch/node.h"
#include "engine/launch/ranks.h"
#include "engine/launch/slurm_state.h"
#include "engine/launch/starter.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <thread>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;

// Agents give ranks that lost their peers five seconds; ranks that save have a minute.
constexpr auto kStepGraceAfterFailure = std::chrono::seconds(10);
constexpr auto kStepGraceAfterStop = std::chrono::seconds(75);
// A shared disk may show a record later than srun tells of its writer's end.
constexpr auto kRecordDelay = std::chrono::seconds(5);
constexpr auto kGraceOfSrun = std::chrono::seconds(3);

// Of srun, which hands it on to the nodes' agents: this process's, and a fresh secret of the run.
Environment step_environment() {
  Environment out = own_environment();
  out[variable::kKey] = random_key();
  return out;
}

bool is_failure(const LaunchEnd& end) {
  return end.outcome != Outcome::kDone && end.outcome != Outcome::kStopped;
}

// The first line of srun's message that has `part`, without its prefixes; "" if there is none.
std::string line_with(std::string_view message, std::string_view part) {
  for (const auto& line : split(message, '\n')) {
    if (line.find(part) != std::string::npos) return slurm_message(line);
  }
  return "";
}

// The host that srun says is gone: "Node failure on node1".
std::string lost_host(std::string_view message, const std::vector<std::string>& hosts) {
  constexpr std::string_view kWords = "Node failure on ";
  const size_t at = message.find(kWords);
  if (at == message.npos) return "";
  const auto rest = message.substr(at + kWords.size());
  const auto named = expand_hosts(rest.substr(0, rest.find_first_of(" \n")));
  for (const auto& host : hosts) {
    if (std::find(named.begin(), named.end(), host) != named.end()) return host;
  }
  return "";
}

// What srun's messages alone say of a step.
struct Verdict {
  std::string_view message;
  Outcome outcome;
};
constexpr Verdict kVerdicts[] = {{"oom_kill", Outcome::kMemory},
                                 {"Out Of Memory", Outcome::kMemory},
                                 {"OOM Killed", Outcome::kMemory},
                                 {"DUE TO NODE FAILURE", Outcome::kMachine},
                                 {"DUE TO TIME LIMIT", Outcome::kTimeLimit},
                                 {"DUE TO PREEMPTION", Outcome::kPreempted},
                                 {"DUE TO JOB REQUEUE", Outcome::kStopped}};

LaunchEnd end_by_message(const std::string& host, const StepEnd& step) {
  const auto made = [&](Outcome outcome, const std::string& cause) {
    LaunchEnd out;
    out.outcome = outcome;
    out.exit_code = step.exit_code;
    out.host = host;
    out.cause = cause;
    return out;
  };
  for (const auto& [message, outcome] : kVerdicts) {
    if (const std::string line = line_with(step.message, message); !line.empty())
      return made(outcome, line);
  }
  if (step.was_stopped) return made(Outcome::kStopped, "");
  if (const std::string line = line_with(step.message, " CANCELLED AT "); !line.empty())
    return made(Outcome::kCancelled, line);
  const std::string said = slurm_message(step.message);
  if (is_unreachable(said)) {  // no node is to blame
    LaunchEnd out = made(Outcome::kMachine, "srun could not start the ranks: " + said);
    out.host.clear();
    return out;
  }
  return made(Outcome::kMachine,
              fmt::format("node {} left no record of its ranks; srun ended with exit code {}{}",
                          host, step.exit_code, said.empty() ? "" : ": " + said));
}

std::string tail_of(const fs::path& file) {
  constexpr size_t kBytes = 1 << 16;
  std::string text = read_if_there(file).value_or("");
  if (text.size() > kBytes) text.erase(0, text.size() - kBytes);
  return text;
}

class Step final : public RunningJob {
 public:
  Step(const SlurmSettings& settings, const LaunchJob& job, const Allocation& place,
       const std::string& program)
      : job_(job), starter_(make_exec_starter()), log_(job.log_folder / "srun.log") {
    const auto nodes = static_cast<size_t>(job.nodes);
    place_.job = place.id;
    place_.hosts = {place.hosts.begin(), place.hosts.begin() + static_cast<ptrdiff_t>(nodes)};
    const int port = free_port();
    place_.rendezvous = fmt::format("{}:{}", place_.hosts[0], port);
    // The way to another node is the way they come to the first one.
    place_.interface = job.interface.empty() ? interface_to(place_.hosts.back()) : job.interface;
    const fs::path file = write_node_job(job, place_.hosts, port);
    NewProcess srun;
    srun.command = srun_command(settings, job, place_.hosts, {program, "ranks", file.string()});
    srun.environment = step_environment();
    srun.setup.leads_group = true;
    srun.setup.log = log_;
    pid_ = starter_->start(srun);
  }

  // srun ends the step's processes on all nodes at once when it is asked to end; killed itself, it
  // would leave them.
  ~Step() override {
    if (end_) return;
    ::kill(pid_, SIGTERM);
    for (const auto until = Clock::now() + kGraceOfSrun; Clock::now() < until;) {
      if (starter_->poll(pid_)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(pid_, SIGKILL);
    while (!starter_->poll(pid_))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  const JobPlace& place() const override { return place_; }
  int handle() const override { return end_ ? -1 : starter_->handle(); }

  std::optional<LaunchEnd> poll() override {
    const auto now = Clock::now();
    if (!end_) {
      end_ = starter_->poll(pid_);
      if (end_) deadline_ = now + kRecordDelay;
    }
    if (!end_) {
      watch(now);
      return std::nullopt;
    }
    const StepEnd step{end_->exit_code, tail_of(log_), was_stopped_, was_killed_};
    // Of a lost node no record comes, and Slurm gives this process only seconds.
    const bool is_told = was_killed_ || !lost_host(step.message, place_.hosts).empty();
    if (!is_told && !silent_nodes(job_).empty() && now < deadline_) return std::nullopt;
    return end_of_step(job_, place_.hosts, step);
  }

  // srun hands the signal on to the agents, which ask their ranks. SIGTERM would end them at once.
  void stop() override {
    if (was_stopped_) return;
    was_stopped_ = true;  // also after the end: who ends a whole job ends its steps a moment before
    if (end_) return;
    ::kill(pid_, SIGUSR1);
    end_by(Clock::now() + kStepGraceAfterStop);
  }

 private:
  void end_by(Clock::time_point when) { deadline_ = std::min(deadline_, when); }

  // While srun runs: once a node tells of a failure, the others can only wait for its ranks.
  void watch(Clock::time_point now) {
    if (now >= next_poll_) {
      next_poll_ = now + std::chrono::seconds(1);
      const auto known = end_of_nodes(job_);
      const bool is_all_told = silent_nodes(job_).empty();
      const bool has_failed = known && is_failure(*known) && !known->host.empty();
      if (has_failed || is_all_told) end_by(now + kStepGraceAfterFailure);
    }
    if (now < deadline_) return;
    was_killed_ = true;
    ::kill(pid_, SIGTERM);
    deadline_ = now + kGraceOfSrun;
  }

  LaunchJob job_;
  std::shared_ptr<Starter> starter_;
  fs::path log_;
  JobPlace place_;
  pid_t pid_ = -1;
  std::optional<ProcessEnd> end_;
  bool was_stopped_ = false, was_killed_ = false;
  Clock::time_point next_poll_{}, deadline_ = Clock::time_point::max();
};

// Ranks on this host, under the number that Slurm has for the job.
class HostJob final : public RunningJob {
 public:
  HostJob(const LaunchJob& job, const Allocation& place)
      : job_(start_here(job)), place_(job_->place()) {
    place_.job = place.id;
  }
  const JobPlace& place() const override { return place_; }
  std::optional<LaunchEnd> poll() override { return job_->poll(); }
  void stop() override { job_->stop(); }
  int handle() const override { return job_->handle(); }

 private:
  std::unique_ptr<RunningJob> job_;
  JobPlace place_;
};

std::vector<int> numbers_in(const std::string& list) {
  std::vector<int> out;
  for (const auto& part : split(list, ',')) {
    int number = 0;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (code != std::errc() || end != part.data() + part.size()) return {};
    out.push_back(number);
  }
  return out;
}

}  // namespace

std::optional<Allocation> allocation_from(const std::function<std::string(const char*)>& variable) {
  Allocation out;
  out.id = variable("SLURM_JOB_ID");
  const std::string host = variable("SLURMD_NODENAME");  // not set for a shell of salloc
  if (out.id.empty() || host.empty()) return std::nullopt;
  // The number of an element alone; that of its array would stand for all of them.
  const std::string array = variable("SLURM_ARRAY_JOB_ID"), task = variable("SLURM_ARRAY_TASK_ID");
  if (!array.empty() && !task.empty()) out.id = array + "_" + task;
  const auto restarts = numbers_in(variable("SLURM_RESTART_COUNT"));
  if (!restarts.empty()) out.restarts = restarts[0];
  out.hosts = expand_hosts(variable("SLURM_JOB_NODELIST"));
  const auto here = std::find(out.hosts.begin(), out.hosts.end(), host);
  if (here == out.hosts.end())
    out.hosts.insert(out.hosts.begin(), host);
  else
    std::rotate(out.hosts.begin(), here, here + 1);
  out.gpus = numbers_in(variable("CUDA_VISIBLE_DEVICES"));
  if (const auto count = numbers_in(variable("SLURM_GPUS_ON_NODE"));
      out.gpus.empty() && !count.empty()) {
    for (int i = 0; i < count[0]; ++i)
      out.gpus.push_back(i);
  }
  return out;
}

std::vector<std::string> srun_command(const SlurmSettings& settings, const LaunchJob& job,
                                      const std::vector<std::string>& hosts,
                                      const std::vector<std::string>& agent) {
  const int64_t processors =
      job.ranks_per_node * settings.cpus_per_rank.value_or(job.threads_per_rank);
  std::vector<std::string> out = {"srun", fmt::format("--nodes={}", job.nodes),
                                  fmt::format("--ntasks={}", job.nodes), "--ntasks-per-node=1",
                                  fmt::format("--nodelist={}", join(hosts, ",")),
                                  fmt::format("--cpus-per-task={}", processors),
                                  // What the step before has not quite given back yet is shared.
                                  "--overlap",
                                  // The agent's ranks share its processors.
                                  "--cpu-bind=none", "--mpi=none", "--input=none", "--wait=0",
                                  // An agent ends with 0 once its record is written.
                                  "--kill-on-bad-exit=1"};
  if (!settings.gres.empty()) out.push_back("--gres=" + settings.gres);
  out.insert(out.end(), agent.begin(), agent.end());
  return out;
}

LaunchEnd end_of_step(const LaunchJob& job, const std::vector<std::string>& hosts,
                      const StepEnd& step) {
  const auto known = end_of_nodes(job);
  const auto silent = silent_nodes(job);
  if (known && silent.empty()) return *known;
  const std::string silent_host =
      silent.empty() ? "" : hosts.at(static_cast<size_t>(silent.front()));
  if (const std::string host = lost_host(step.message, hosts); !host.empty()) {
    LaunchEnd out{
        Outcome::kMachine, -1, step.exit_code, host, fmt::format("node {} was lost", host), 0};
    if (known && is_failure(*known)) out.cause += fmt::format(" ({})", known->cause);
    return out;
  }
  // Ranks that end with 1 beside a node that says nothing most likely lost their peers there.
  const bool is_first = known && is_failure(*known) && !known->host.empty() &&
                        (blame_weight(known->exit_code) > 1 || step.was_killed);
  if (is_first) return *known;
  return end_by_message(silent_host, step);
}

std::unique_ptr<RunningJob> start_step(const SlurmSettings& settings, const LaunchJob& job,
                                       const Allocation& place, const std::string& program) {
  check(static_cast<int64_t>(place.hosts.size()) >= job.nodes,
        "the allocation has the job's nodes");
  return std::make_unique<Step>(settings, job, place, program);
}

std::unique_ptr<RunningJob> start_on_host(const LaunchJob& job, const Allocation& place) {
  LaunchJob named = job;
  named.host = place.hosts[0];
  return std::make_unique<HostJob>(named, place);
}

}  // namespace xp
