// Ranks as processes.
#include "engine/launch/ranks.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/secret.h"
#include "engine/base/text.h"
#include "engine/launch/fork_server.h"
#include "engine/launch/rank_log.h"
#include "engine/launch/starter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <unistd.h>

namespace xp {
namespace {

constexpr auto kGraceAfterFailure = std::chrono::seconds(5);
constexpr auto kGraceAfterStop = std::chrono::seconds(60);
constexpr int kCertain = 4;  // the weight of a rank that knew what was wrong
constexpr std::array<std::string_view, 5> kMemoryWords = {
    "not enough memory", "can't allocate memory", "Cannot allocate memory", "std::bad_alloc",
    "out of memory"};

// This process's environment with the rank's own variables in place of any of the same name.
Environment rank_environment(const LaunchJob& job, int64_t rank, const Ranks::Part& part) {
  const std::string threads = std::to_string(job.threads_per_rank);
  Environment out = own_environment();
  out[variable::kRank] = std::to_string(rank);
  out[variable::kNodes] = std::to_string(job.nodes);
  out[variable::kRanksPerNode] = std::to_string(job.ranks_per_node);
  out[variable::kRendezvous] = part.rendezvous;
  if (!part.key.empty()) out[variable::kKey] = part.key;
  out[variable::kThreads] = threads;
  out[variable::kTimeout] = std::to_string(job.timeout_s);
  out[variable::kInterface] = job.interface;
  out[variable::kDevice] = std::to_string(rank - part.first_node * job.ranks_per_node);
  out["OMP_NUM_THREADS"] = threads;
  out["MKL_NUM_THREADS"] = threads;
  if (!job.gpus.empty()) {
    std::vector<std::string> gpus;
    for (const int gpu : job.gpus)
      gpus.push_back(std::to_string(gpu));
    out["CUDA_VISIBLE_DEVICES"] = join(gpus, ",");
  }
  return out;
}

// On a cluster that emulates links every job says how fast this machine's are: the last job may
// have left them slow.
void set_links(const LinkLimits& links) {
  if (!links.in_node.empty())
    user_error(
        "'in_node' in [launch.links] is for predictions: nothing here limits links in a node");
  const bool asks = !links.inter.empty() || links.latency_ms > 0;
  const std::string program = environment_value(variable::kSetLinks);
  if (program.empty() && asks) {
    user_error(
        "only an emulated cluster (scripts/cluster.sh) can run with [launch.links]; `xp plan` and "
        "`xp replay` predict without one");
  }
  if (program.empty()) return;
  const Finished set = run_program({program, "_links", links.inter.empty() ? "none" : links.inter,
                                    fmt::format("{}", links.latency_ms)});
  if (set.exit_code != 0)
    machine_error("'{}' cannot set how fast the links are: {}", program, trim(set.errors));
}

// The last bytes of a log.
std::string log_tail(const fs::path& log) {
  constexpr std::streamoff kBytes = 64 * 1024;  // a message with all its stack
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kBytes));
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string cause_of(const RankEnd& rank, std::string_view said) {
  constexpr size_t kMaxWords = 500;  // it goes into tables
  const auto lines = split(trim(said), '\n');
  const auto last = trim(message_of_log_line(trim(lines.back())));
  const std::string words = last.empty() ? ""
                                         : fmt::format(": {}{}", last.substr(0, kMaxWords),
                                                       last.size() > kMaxWords ? " ..." : "");
  if (rank.exit_code > 128) {
    const int signal = rank.exit_code - 128;
    return fmt::format("rank {} was ended by signal {} ({}){}", rank.rank, signal,
                       ::strsignal(signal), words);
  }
  return fmt::format("rank {} ended with exit code {}{}", rank.rank, rank.exit_code, words);
}

class HereJob final : public RunningJob {
 public:
  HereJob(const LaunchJob& job, int channel)
      : place_{"",
               std::vector<std::string>(static_cast<size_t>(job.nodes),
                                        job.host.empty() ? host_name() : job.host),
               "lo", fmt::format("127.0.0.1:{}", free_port())},
        ranks_(job, {0, job.nodes, place_.rendezvous, random_key(), channel},
               job.warm ? warm_starter(job.command[0]) : make_exec_starter()) {}
  const JobPlace& place() const override { return place_; }
  std::optional<LaunchEnd> poll() override { return ranks_.poll(); }
  void stop() override { ranks_.stop(); }
  int handle() const override { return ranks_.handle(); }

 private:
  JobPlace place_;
  Ranks ranks_;
};

}  // namespace

Ranks::Ranks(const LaunchJob& job, const Part& part, std::shared_ptr<Starter> starter)
    : starter_(std::move(starter)),
      log_folder_(job.log_folder),
      host_(job.host.empty() ? host_name() : job.host),
      memory_kills_(memory_kills()) {
  set_links(job.links);
  const int64_t first = part.first_node * job.ranks_per_node;
  for (int64_t i = 0; i < part.num_nodes * job.ranks_per_node; ++i) {
    const int64_t rank = first + i;
    try {
      NewProcess process;
      process.command = job.command;
      process.environment = rank_environment(job, rank, part);
      if (rank == 0) process.inherited = part.channel;
      process.setup.leads_group = true;
      process.setup.ignores_usr1 = true;
      process.setup.cores = job.cores;
      process.setup.log = rank_log_file(log_folder_, rank);
      pids_.push_back(starter_->start(process));
    } catch (const Error& error) {
      send(SIGKILL);
      while (reap())
        ::usleep(1000);
      throw error.within(fmt::format("rank {}", rank));
    }
    ends_.push_back({rank});
  }
}

Ranks::~Ranks() {
  send(SIGKILL);
  while (reap())
    ::usleep(1000);
}

int Ranks::handle() const {
  return starter_->handle();
}

void Ranks::send(int signal) const {
  for (size_t i = 0; i < ends_.size(); ++i) {
    if (!ends_[i].ended) ::kill(pids_[i], signal);
  }
}

// Takes note of ranks that ended; whether any is left.
bool Ranks::reap() {
  bool left = false;
  for (size_t i = 0; i < ends_.size(); ++i) {
    if (ends_[i].ended) continue;
    if (const auto end = starter_->poll(pids_[i])) {
      ends_[i].ended = true;
      ends_[i].exit_code = end->exit_code;
      ends_[i].peak_memory_bytes = end->peak_memory_bytes;
      ends_[i].cpu_seconds = end->cpu_seconds;
    }
    left = left || !ends_[i].ended;
  }
  return left;
}

void Ranks::end_all(std::chrono::seconds grace) {
  if (ending_) return;
  ending_ = true;
  send(SIGTERM);
  deadline_ = Clock::now() + grace;
}

void Ranks::stop() {
  stopped_ = true;
  end_all(kGraceAfterStop);
}

// One that we asked to end, and that ended of it, is not to blame.
const RankEnd* Ranks::first_failure() const {
  const auto weight = [this](const RankEnd& rank) {
    const bool is_ours = ending_ && (rank.exit_code == 128 + SIGTERM ||
                                     (rank.exit_code == 128 + SIGKILL && was_killed_));
    return !rank.ended || is_ours ? 0 : blame_weight(rank.exit_code);
  };
  const RankEnd* worst = nullptr;
  for (const auto& rank : ends_) {
    if (weight(rank) > (worst == nullptr ? 0 : weight(*worst))) worst = &rank;
  }
  return worst;
}

std::optional<LaunchEnd> Ranks::poll() {
  use_.sample();
  const bool left = reap();
  if (!ending_ && first_failure() != nullptr) {
    has_failed_ = true;
    if (left) end_all(kGraceAfterFailure);
  }
  if (!left) return conclusion();
  if (Clock::now() > deadline_) {
    was_killed_ = true;
    send(SIGKILL);
  }
  return std::nullopt;
}

LaunchEnd Ranks::conclusion() {
  LaunchEnd out;
  const RankEnd* worst = first_failure();
  const bool is_certain = worst != nullptr && blame_weight(worst->exit_code) == kCertain;
  if (worst != nullptr && (has_failed_ || !stopped_ || is_certain)) {
    const std::string said = log_tail(rank_log_file(log_folder_, worst->rank));
    out = {outcome_of(worst->exit_code, said, memory_kills() - memory_kills_),
           worst->rank,
           worst->exit_code,
           host_,
           cause_of(*worst, said),
           0};
  } else if (stopped_) {
    const auto finished = [](const RankEnd& rank) { return rank.exit_code == 0; };
    if (!std::all_of(ends_.begin(), ends_.end(), finished)) out.outcome = Outcome::kStopped;
  }
  for (const auto& rank : ends_) {
    out.peak_memory_bytes = std::max(out.peak_memory_bytes, rank.peak_memory_bytes);
    out.cpu_seconds += rank.cpu_seconds;
  }
  out.other_load = use_.other_load(out.cpu_seconds);
  out.energy_j = use_.energy_j();
  return out;
}

std::unique_ptr<RunningJob> start_here(const LaunchJob& job, int channel) {
  check(channel < 0 || !job.warm, "a process that a loaded program forks keeps no descriptor");
  return std::make_unique<HereJob>(job, channel);
}

int blame_weight(int exit_code) {
  if (exit_code == 0) return 0;
  if (exit_code == kUserExit || exit_code == kDivergedExit) return kCertain;
  if (exit_code > 128) return 3;
  return exit_code == kBugExit ? 2 : 1;
}

Outcome outcome_of(int exit_code, std::string_view said, int64_t memory_kills) {
  if (exit_code == 0) return Outcome::kDone;
  if (exit_code == kUserExit) return Outcome::kUser;
  if (exit_code == kDivergedExit) return Outcome::kDiverged;
  const auto is_said = [&](std::string_view words) { return said.find(words) != said.npos; };
  if (std::any_of(kMemoryWords.begin(), kMemoryWords.end(), is_said)) return Outcome::kMemory;
  switch (exit_code) {
    case 128 + SIGKILL:
      return memory_kills > 0 ? Outcome::kMemory : Outcome::kMachine;
    case 128 + SIGSEGV:
    case 128 + SIGABRT:
    case 128 + SIGFPE:
    case 128 + SIGILL:
    case kBugExit:
      return Outcome::kBug;
    default:  // also SIGBUS: a mapped file whose disk gave way
      return Outcome::kMachine;
  }
}

int64_t memory_kills() {
  constexpr std::string_view kName = "\noom_kill ";
  const std::string text = read_if_there("/proc/vmstat").value_or("");
  const size_t at = text.find(kName);
  int64_t out = 0;
  if (at != std::string::npos)
    std::from_chars(text.data() + at + kName.size(), text.data() + text.size(), out);
  return out;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace xp
