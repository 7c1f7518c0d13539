// One child in a process group of its own for each notice.
#include "engine/cli/terminal/notify.h"

#include "engine/base/error.h"
#include "engine/base/process.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <thread>

namespace xp {
namespace {

Environment environment_with(const Notice& notice) {
  Environment out = own_environment();
  out[variable::kEvent] = notice.event;
  out[variable::kExperiment] = notice.experiment;
  out[variable::kDone] = std::to_string(notice.done);
  out[variable::kFailed] = std::to_string(notice.failed);
  out[variable::kMessage] = notice.message;
  return out;
}

}  // namespace

void Notifier::start(const Notice& notice) {
  NewProcess shell;
  shell.command = {"/bin/sh", "-c", command_};
  shell.environment = environment_with(notice);
  shell.setup.leads_group = true;
  shell.setup.output = shell.setup.errors = 2;  // what it says goes where our messages go
  try {
    process_ = start_process(shell);
    begun_ = Clock::now();
  } catch (const Error& error) {
    fmt::print(stderr, "--notify: {}\n", error.what());
  }
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
    fmt::print(stderr, "--notify: '{}' exited with {}\n", command_, exit_code_of(status));
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
