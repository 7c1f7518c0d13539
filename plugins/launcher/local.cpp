// Ranks as child processes of this one, all on this machine, whatever the topology says.
// Source: the ranks' environment is registry/launcher.h; the rest is fork, exec and pidfd_open(2).
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "registry/launcher.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(100);
// After a failure nobody can finish: the others wait in a collective. After a stop they save first.
constexpr auto kGraceAfterFailure = std::chrono::seconds(5);
constexpr auto kGraceAfterStop = std::chrono::seconds(60);

struct Rank {
  int64_t number = 0;
  pid_t pid = -1;
  int handle = -1;  // pidfd; -1 where the kernel has none
  bool ended = false;
  int exit_code = 0;  // 128 + signal where a signal ended it
};

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

fs::path log_of(const LaunchJob& job, int64_t rank) {
  return job.log_folder / fmt::format("rank-{}.log", rank);
}

// This process's environment with the rank's own variables in place of any of the same name.
std::vector<std::string> rank_environment(const LaunchJob& job, int64_t rank, int port) {
  const std::string threads = std::to_string(job.threads_per_rank);
  const std::vector<std::pair<std::string, std::string>> own = {
      {"XP_RANK", std::to_string(rank)},
      {"XP_NODES", std::to_string(job.nodes)},
      {"XP_RANKS_PER_NODE", std::to_string(job.ranks_per_node)},
      {"XP_RENDEZVOUS", fmt::format("127.0.0.1:{}", port)},
      {"XP_THREADS", threads},
      {"XP_TIMEOUT_S", std::to_string(job.timeout_s)},
      {"XP_INTERFACE", job.interface},
      {"OMP_NUM_THREADS", threads},
      {"MKL_NUM_THREADS", threads}};
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name = split(*entry, '=').front();
    const bool replaced =
        std::any_of(own.begin(), own.end(), [&](const auto& pair) { return pair.first == name; });
    if (!replaced) out.emplace_back(*entry);
  }
  for (const auto& [name, value] : own)
    out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// In the child: only calls that are safe between fork and exec.
[[noreturn]] void become_rank(char* const* command, char* const* variables, const char* log,
                              pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::setpgid(0, 0);                          // Ctrl-C is for the parent, which ends its ranks
  const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execvpe(command[0], command, variables);
  const char* reason = std::strerror(errno);
  for (const char* part :
       {"cannot start ", static_cast<const char*>(command[0]), ": ", reason, "\n"}) {
    if (::write(2, part, std::strlen(part)) < 0) break;
  }
  ::_exit(127);
}

Rank start_rank(const LaunchJob& job, int64_t number, int port) {
  std::vector<std::string> command = job.command;
  std::vector<std::string> variables = rank_environment(job, number, port);
  const auto words = pointers(command), settings = pointers(variables);
  const std::string log = log_of(job, number).string();
  const pid_t parent = ::getpid();
  Rank rank{number};
  rank.pid = ::fork();
  if (rank.pid < 0) machine_error("starting rank {}: {}", number, std::strerror(errno));
  if (rank.pid == 0) become_rank(words.data(), settings.data(), log.c_str(), parent);
  rank.handle = static_cast<int>(::syscall(SYS_pidfd_open, rank.pid, 0));
  return rank;
}

// Waits until a rank ends or a tick has passed.
void wait_for_news(const std::vector<Rank>& ranks) {
  std::vector<pollfd> handles;
  for (const auto& rank : ranks) {
    if (!rank.ended && rank.handle >= 0) handles.push_back({rank.handle, POLLIN, 0});
  }
  if (handles.empty()) {
    std::this_thread::sleep_for(kTick);
  } else {
    ::poll(handles.data(), handles.size(), static_cast<int>(kTick.count()));
  }
}

// Takes note of ranks that ended; whether any is left.
bool reap(std::vector<Rank>& ranks) {
  bool left = false;
  for (auto& rank : ranks) {
    if (rank.ended) continue;
    int status = 0;
    if (::waitpid(rank.pid, &status, WNOHANG) == rank.pid) {
      rank.ended = true;
      rank.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      if (rank.handle >= 0) ::close(rank.handle);
    }
    left = left || !rank.ended;
  }
  return left;
}

// The rank to blame: one that knew what was wrong (exit code 3), else one that a signal ended; the
// others only lost their peer.
const Rank* first_failure(const std::vector<Rank>& ranks) {
  const auto weight = [](const Rank& rank) {
    if (!rank.ended || rank.exit_code == 0) return 0;
    if (rank.exit_code == 3) return 3;
    return rank.exit_code > 128 ? 2 : 1;
  };
  const Rank* worst = nullptr;
  for (const auto& rank : ranks) {
    if (weight(rank) > (worst == nullptr ? 0 : weight(*worst))) worst = &rank;
  }
  return worst;
}

std::string last_line(const fs::path& log) {
  std::error_code code;
  if (!fs::exists(log, code)) return "";
  const std::string text = read_file(log);
  const auto lines = split(trim(text), '\n');
  return std::string(trim(lines.back()));
}

std::string cause_of(const Rank& rank, const LaunchJob& job) {
  const std::string line = last_line(log_of(job, rank.number));
  const std::string said = line.empty() ? "" : ": " + line;
  if (rank.exit_code > 128) {
    const int signal = rank.exit_code - 128;
    return fmt::format("rank {} was ended by signal {} ({}){}", rank.number, signal,
                       ::strsignal(signal), said);
  }
  return fmt::format("rank {} ended with exit code {}{}", rank.number, rank.exit_code, said);
}

void send(const std::vector<Rank>& ranks, int signal) {
  for (const auto& rank : ranks) {
    if (!rank.ended) ::kill(rank.pid, signal);
  }
}

struct Local final : Launcher {
  struct Config {
    void describe(auto&) {}
  };
  explicit Local(const Config&) {}

  LaunchEnd run(const LaunchJob& job, const std::function<void()>& tick,
                const std::function<bool()>& stop) const override {
    fs::create_directories(job.log_folder);
    const int port = free_port();
    std::vector<Rank> ranks;
    Value pids = Value::array();
    for (int64_t number = 0; number < job.nodes * job.ranks_per_node; ++number) {
      ranks.push_back(start_rank(job, number, port));
      pids.push_back(ranks.back().pid);
    }
    const Value record = {{"launcher", "local"},
                          {"command", job.command},
                          {"host", host_name()},
                          {"pids", pids},
                          {"nodes", job.nodes},
                          {"ranks_per_node", job.ranks_per_node},
                          {"threads_per_rank", job.threads_per_rank},
                          {"rendezvous", fmt::format("127.0.0.1:{}", port)}};
    write_atomic(job.log_folder / "launcher.json", record.dump(2) + "\n");
    return watch(ranks, job, tick, stop);
  }

 private:
  static LaunchEnd watch(std::vector<Rank>& ranks, const LaunchJob& job,
                         const std::function<void()>& tick, const std::function<bool()>& stop) {
    LaunchEnd end{.ok = true, .cause = ""};
    bool ending = false;
    Clock::time_point deadline = Clock::time_point::max();
    while (reap(ranks)) {
      const Rank* failed = end.ok ? first_failure(ranks) : nullptr;
      if (failed != nullptr) {
        end = {false, end.cancelled, failed->number, failed->exit_code, cause_of(*failed, job)};
      }
      if (!ending && stop()) end.cancelled = true;
      if (!ending && (!end.ok || end.cancelled)) {
        ending = true;
        send(ranks, SIGTERM);
        deadline = Clock::now() + (end.cancelled ? kGraceAfterStop : kGraceAfterFailure);
      }
      if (Clock::now() > deadline) send(ranks, SIGKILL);
      wait_for_news(ranks);
      tick();
    }
    const Rank* failed = end.ok ? first_failure(ranks) : nullptr;
    if (failed != nullptr)
      end = {false, end.cancelled, failed->number, failed->exit_code, cause_of(*failed, job)};
    return end;
  }
};

XP_REGISTER(Launcher, Local, "local", "ranks as processes of this machine");

}  // namespace
}  // namespace xp
