// fork, exec and two pipes.
#include "engine/base/process.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

[[noreturn]] void become(const std::vector<char*>& arguments, const char* folder, int out,
                         int errors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, 0);
  ::dup2(out, 1);
  ::dup2(errors, 2);
  if (::chdir(folder) == 0) ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

bool drain(int descriptor, std::string& into) {
  char piece[1 << 14];
  const ssize_t got = ::read(descriptor, piece, sizeof piece);
  if (got > 0) into.append(piece, static_cast<size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

}  // namespace

Finished run_program(const std::vector<std::string>& command, const std::filesystem::path& folder) {
  check(!command.empty(), "a command has a program");
  std::vector<char*> arguments;
  for (const auto& part : command)
    arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> out{}, errors{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(errors.data(), O_CLOEXEC) != 0) {
    machine_error("starting '{}': {}", command[0], std::strerror(errno));
  }
  const std::string place = folder.string();
  const pid_t child = ::fork();
  if (child < 0) machine_error("starting '{}': {}", command[0], std::strerror(errno));
  if (child == 0) become(arguments, place.c_str(), out[1], errors[1]);
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
  finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

std::string find_program(const std::string& name) {
  const char* folders = std::getenv("PATH");
  if (folders == nullptr) return "";
  for (const auto& folder : split(folders, ':')) {
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
