// pidfd_open(2) tells of an end without asking.
#include "engine/launch/starter.h"

#include <map>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

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

  pid_t start(const NewProcess& process) override {
    const pid_t pid = start_process(process);
    watch(pid);
    return pid;
  }

  std::optional<ProcessEnd> poll(pid_t pid) override {
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
  return {exit_code_of(status), used.ru_maxrss * 1024,
          seconds(used.ru_utime) + seconds(used.ru_stime)};
}

}  // namespace xp
