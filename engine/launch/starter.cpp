// vfork, exec, and pidfd_open(2) to hear of an end without asking.
#include "engine/launch/starter.h"

#include "engine/base/error.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& text : texts)
    out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// In the child: only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* command, char* const* variables) {
  ::execvpe(command[0], command, variables);
  const char* reason = std::strerror(errno);
  for (const char* part :
       {"cannot start ", static_cast<const char*>(command[0]), ": ", reason, "\n"}) {
    if (::write(2, part, std::strlen(part)) < 0) break;
  }
  ::_exit(127);
}

class ExecStarter final : public Starter {
 public:
  ExecStarter() : news_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~ExecStarter() override {
    for (const auto& [pid, descriptor] : descriptors_)
      ::close(descriptor);
    ::close(news_);
  }
  ExecStarter(const ExecStarter&) = delete;
  ExecStarter& operator=(const ExecStarter&) = delete;

  pid_t start(const ProcessJob& job) override {
    const auto words = pointers(job.command), variables = pointers(job.environment);
    const pid_t parent = ::getpid();
    sigset_t all, before;  // until the child is settled, a signal would run our handlers there
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, &before);
    const pid_t pid = ::vfork();  // fork would copy the page tables of all that we have planned
    if (pid != 0) ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) machine_error("starting '{}': {}", job.command[0], std::strerror(errno));
    if (pid == 0) {
      settle_process(job.log.c_str(), parent, job.cores);
      if (job.hears_usr1) ::signal(SIGUSR1, SIG_DFL);
      become(words.data(), variables.data());
    }
    watch(pid);
    return pid;
  }

  std::optional<ProcessEnd> look(pid_t pid) override {
    int status = 0;
    rusage used{};
    if (::wait4(pid, &status, WNOHANG, &used) != pid) return std::nullopt;
    forget(pid);
    return process_end(status, used);
  }

  int handle() const override { return has_blind_ ? -1 : news_; }

 private:
  void watch(pid_t pid) {
    const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (descriptor < 0) {
      has_blind_ = true;  // an old kernel
      return;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(news_, EPOLL_CTL_ADD, descriptor, &event);
    descriptors_[pid] = descriptor;
  }
  void forget(pid_t pid) {
    const auto found = descriptors_.find(pid);
    if (found == descriptors_.end()) return;
    ::close(found->second);
    descriptors_.erase(found);
  }

  int news_;
  bool has_blind_ = false;
  std::map<pid_t, int> descriptors_;
};

}  // namespace

std::shared_ptr<Starter> make_exec_starter() {
  return std::make_shared<ExecStarter>();
}

ProcessEnd process_end(int status, const rusage& used) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), used.ru_maxrss * 1024,
          seconds(used.ru_utime) + seconds(used.ru_stime)};
}

void settle_process(const char* log, pid_t parent, const std::vector<int>& cores) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::setpgid(0, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE})
    ::signal(signal, SIG_DFL);
  ::signal(SIGUSR1, SIG_IGN);  // schedulers send it to every process of a job
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!cores.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores)
      CPU_SET(static_cast<size_t>(core), &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  for (const int descriptor : {out, nothing}) {
    if (descriptor > 2) ::close(descriptor);
  }
}

}  // namespace xp
