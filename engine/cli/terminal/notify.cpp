// One child in a process group of its own for each notice.
#include "engine/cli/terminal/notify.h"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xp {
namespace {

// Our environment with the notice's words.
std::vector<std::string> environment_with(const Notice& notice) {
  std::vector<std::string> out = {"XP_EVENT=" + notice.event, "XP_EXPERIMENT=" + notice.experiment,
                                  fmt::format("XP_DONE={}", notice.done),
                                  fmt::format("XP_FAILED={}", notice.failed),
                                  "XP_MESSAGE=" + notice.message};
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    bool is_ours = false;
    for (size_t i = 0; i < 5; ++i)
      is_ours = is_ours || text.starts_with(out[i].substr(0, out[i].find('=') + 1));
    if (!is_ours) out.emplace_back(text);
  }
  return out;
}

[[noreturn]] void become_shell(const char* command, char* const* environment) {
  ::setpgid(0, 0);
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(2, 1);
  const char* const words[] = {"sh", "-c", command, nullptr};
  ::execve("/bin/sh", const_cast<char* const*>(words), environment);
  ::_exit(127);
}

}  // namespace

void Notifier::start(const Notice& notice) {
  auto texts = environment_with(notice);
  std::vector<char*> environment;
  for (auto& text : texts)
    environment.push_back(text.data());
  environment.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) become_shell(command_.c_str(), environment.data());
  if (child < 0) {
    fmt::print(stderr, "--notify: '{}' could not be started: {}\n", command_, std::strerror(errno));
    return;
  }
  ::setpgid(child, child);  // whichever of the two is first
  process_ = child;
  begun_ = Clock::now();
}

bool Notifier::has_ended() {
  int status = 0;
  const pid_t ended = ::waitpid(process_, &status, WNOHANG);
  if (ended == 0 && Clock::now() - begun_ < timeout_) return false;
  if (ended == 0) {
    ::kill(-process_, SIGKILL);
    ::waitpid(process_, &status, 0);
    fmt::print(stderr, "--notify: '{}' was killed after {} s\n", command_,
               std::chrono::duration_cast<std::chrono::seconds>(timeout_).count());
  } else if (status != 0) {
    fmt::print(stderr, "--notify: '{}' exited with {}\n", command_,
               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  return true;
}

void Notifier::notify(const Notice& notice) {
  if (command_.empty()) return;
  waiting_.push_back(notice);
  poll();
}

void Notifier::notify_first_failure(const Notice& notice) {
  if (!has_failed_) notify(notice);
  has_failed_ = true;
}

void Notifier::poll() {
  if (process_ != 0 && has_ended()) process_ = 0;
  if (process_ != 0 || waiting_.empty()) return;
  start(waiting_.front());
  waiting_.pop_front();
}

Notifier::~Notifier() {
  for (poll(); process_ != 0 || !waiting_.empty(); poll())
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace xp
