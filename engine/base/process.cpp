// vfork, exec and two pipes.
#include "engine/base/process.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
[[noreturn]] void exec_or_exit(char* const* command, char* const* variables) {
  ::execvpe(command[0], command, variables);
  const char* reason = std::strerror(errno);
  for (const char* part :
       {"cannot start ", static_cast<const char*>(command[0]), ": ", reason, "\n"}) {
    if (::write(2, part, std::strlen(part)) < 0) break;
  }
  ::_exit(127);
}

bool drain(int descriptor, std::string& into) {
  char piece[1 << 14];
  const ssize_t got = ::read(descriptor, piece, sizeof piece);
  if (got > 0) into.append(piece, static_cast<size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

}  // namespace

pid_t start_process(const NewProcess& process) {
  check(!process.command.empty(), "a command has a program");
  const auto words = pointers(process.command);
  const auto entries =
      environment_entries(process.environment ? *process.environment : own_environment());
  const auto variables = pointers(entries);
  const pid_t parent = ::getpid();
  sigset_t all, before;  // until the child is prepared, a signal would run our handlers there
  sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, &before);
  const pid_t pid = ::vfork();  // fork would copy the page tables of all that we have planned
  if (pid != 0) ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) machine_error("starting '{}': {}", process.command[0], std::strerror(errno));
  if (pid > 0) return pid;
  prepare_child(process.setup, parent);
  if (process.inherited >= 0) ::fcntl(process.inherited, F_SETFD, 0);
  if (!process.folder.empty() && ::chdir(process.folder.c_str()) != 0) {
    constexpr std::string_view kReason = "cannot enter the folder to start in\n";
    if (::write(2, kReason.data(), kReason.size()) < 0) ::_exit(127);
    ::_exit(127);
  }
  exec_or_exit(words.data(), variables.data());
}

void prepare_child(const ProcessSetup& setup, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  if (setup.leads_group) ::setpgid(0, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE})
    ::signal(signal, SIG_DFL);
  ::signal(SIGUSR1, setup.ignores_usr1 ? SIG_IGN : SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!setup.cores.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : setup.cores)
      CPU_SET(static_cast<size_t>(core), &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  const int nothing = ::open("/dev/null", O_RDWR);
  const int log =
      setup.log.empty() ? -1 : ::open(setup.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  const auto or_nothing = [nothing](int descriptor) {
    return descriptor < 0 ? nothing : descriptor;
  };
  const int output = or_nothing(log >= 0 ? log : setup.output);
  const int errors = or_nothing(log >= 0 ? log : setup.errors);
  ::dup2(nothing, 0);
  ::dup2(output, 1);
  ::dup2(errors, 2);
  for (const int descriptor : {log, nothing}) {
    if (descriptor > 2) ::close(descriptor);
  }
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Finished run_program(const NewProcess& process) {
  check(!process.command.empty(), "a command has a program");
  std::array<int, 2> out{}, errors{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(errors.data(), O_CLOEXEC) != 0) {
    machine_error("starting '{}': {}", process.command[0], std::strerror(errno));
  }
  NewProcess piped = process;
  piped.setup.output = out[1];
  piped.setup.errors = errors[1];
  const pid_t child = start_process(piped);
  ::close(out[1]);
  ::close(errors[1]);

  Finished finished;
  std::array<pollfd, 2> open{pollfd{out[0], POLLIN, 0}, pollfd{errors[0], POLLIN, 0}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    if (::poll(open.data(), open.size(), -1) < 0 && errno != EINTR) break;
    if (open[0].revents != 0 && !drain(open[0].fd, finished.output)) open[0].fd = -1;
    if (open[1].revents != 0 && !drain(open[1].fd, finished.errors)) open[1].fd = -1;
  }
  ::close(out[0]);
  ::close(errors[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  finished.exit_code = exit_code_of(status);
  return finished;
}

Finished run_program(const std::vector<std::string>& command, const std::filesystem::path& folder) {
  NewProcess process;
  process.command = command;
  process.folder = folder;
  return run_program(process);
}

std::string find_program(const std::string& name) {
  for (const auto& folder : split(environment_value("PATH"), ':')) {
    const std::string path = folder + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = socket >= 0 && ::bind(socket, generic, size) == 0 &&
                     ::getsockname(socket, generic, &size) == 0;
  const int error = errno;
  if (socket >= 0) ::close(socket);
  if (!found) machine_error("no free port on 127.0.0.1: {}", std::strerror(error));
  return ntohs(address.sin_port);
}

}  // namespace xp
