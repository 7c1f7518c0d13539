// One request at a time; ends are told by the server, because only a parent hears of them.
#include "engine/launch/fork_server.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/json_text.h"
#include "engine/base/value.h"
#include "engine/launch/starter.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

constexpr size_t kMaxBytes = 192 * 1024;  // below the kernel's limit for one message
constexpr auto kPatience = std::chrono::seconds(30);

bool send_message(int socket, const Value& value) {
  const std::string text = json_text(value);
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

// The next message; null if there is none yet (`has_ended` false) or will be none.
Value take_message(int socket, int flags, bool& has_ended) {
  std::string text(kMaxBytes, '\0');
  const ssize_t got = ::recv(socket, text.data(), text.size(), flags);
  has_ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  if (got <= 0) return nullptr;
  text.resize(static_cast<size_t>(got));
  return Value::parse(text, nullptr, /*allow_exceptions=*/false);
}

// ---- the server

struct Child {
  std::vector<std::string> command, environment;
  std::string log;
  std::vector<int> cores;
};

// As the ranks that are started by exec have it.
ProcessSetup rank_setup(const std::string& log, const std::vector<int>& cores) {
  ProcessSetup out;
  out.leads_group = true;
  out.ignores_usr1 = true;
  out.cores = cores;
  out.log = log;
  return out;
}

// After the fork: an ordinary process with one thread.
[[noreturn]] void become(Child child, pid_t parent, int (*run)(int, char**)) {
  prepare_child(rank_setup(child.log, child.cores), parent);
  ::clearenv();
  for (auto& variable : child.environment)
    ::putenv(variable.data());
  std::vector<char*> words;
  for (auto& word : child.command)
    words.push_back(word.data());
  words.push_back(nullptr);
  std::exit(run(static_cast<int>(child.command.size()), words.data()));
}

void tell_ends(int socket) {
  int status = 0;
  rusage used{};
  for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
    const ProcessEnd end = process_end(status, used);
    send_message(socket, {{"ended", pid},
                          {"exit_code", end.exit_code},
                          {"peak_memory_bytes", end.peak_memory_bytes},
                          {"cpu_seconds", end.cpu_seconds}});
  }
}

size_t num_threads() {
  size_t out = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/task"))
    ++out;
  return out;
}

// ---- the other side

class ForkServer final : public Starter {
 public:
  explicit ForkServer(std::string program) : program_(std::move(program)) { begin(); }
  ~ForkServer() override { close_socket(); }
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  pid_t start(const NewProcess& process) override {
    if (socket_ < 0) begin();
    const Value request = {
        {"command", process.command},
        {"environment", environment_entries(process.environment.value_or(own_environment()))},
        {"log", process.setup.log.string()},
        {"cores", process.setup.cores}};
    if (!send_message(socket_, request)) give_up(std::strerror(errno));
    const Value answer = wait_for({"started", "error"});
    if (answer.contains("error")) machine_error("{}", answer["error"].get<std::string>());
    const pid_t pid = answer["started"];
    under_way_[pid] = std::nullopt;
    return pid;
  }

  std::optional<ProcessEnd> poll(pid_t pid) override {
    bool has_ended = socket_ < 0;
    while (!has_ended) {
      const Value message = take_message(socket_, MSG_DONTWAIT, has_ended);
      if (message.is_null()) break;
      note_end(message);
    }
    if (has_ended) lose_all();
    const auto found = under_way_.find(pid);
    if (found == under_way_.end() || !found->second) return std::nullopt;
    const ProcessEnd end = *found->second;
    under_way_.erase(found);
    return end;
  }

  int handle() const override { return socket_; }

 private:
  void begin() {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
      machine_error("a socket pair cannot be made: {}", std::strerror(errno));
    NewProcess server;
    server.command = {program_, kServeWord, std::to_string(pair[1])};
    server.inherited = pair[1];
    server.setup.leads_group = true;
    server_ = start_process(server);
    ::close(pair[1]);
    socket_ = pair[0];
    wait_for({"ready"});
  }

  // The next message with one of `keys`; ends of processes are noted meanwhile.
  Value wait_for(const std::vector<const char*>& keys) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd news{socket_, POLLIN, 0};
      if (::poll(&news, 1, 1000) <= 0) continue;
      bool has_ended = false;
      const Value message = take_message(socket_, 0, has_ended);
      if (has_ended) give_up("it ended");
      if (!message.is_object()) continue;
      for (const char* key : keys) {
        if (message.contains(key)) return message;
      }
      note_end(message);
    }
    give_up("it does not answer");
  }

  void note_end(const Value& message) {
    if (!message.is_object() || !message.contains("ended")) return;
    const auto found = under_way_.find(message["ended"].get<pid_t>());
    if (found != under_way_.end())
      found->second =
          ProcessEnd{message["exit_code"], message["peak_memory_bytes"], message["cpu_seconds"]};
  }

  // Its processes die with the server.
  void lose_all() {
    close_socket();
    for (auto& [pid, end] : under_way_) {
      if (!end) end = ProcessEnd{128 + SIGKILL};
    }
  }

  [[noreturn]] void give_up(const char* reason) {
    lose_all();
    machine_error("'{} {}': {}", program_, kServeWord, reason);
  }

  void close_socket() {
    if (socket_ < 0) return;
    ::close(socket_);
    socket_ = -1;
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
  }

  std::string program_;
  int socket_ = -1;
  pid_t server_ = -1;
  std::map<pid_t, std::optional<ProcessEnd>> under_way_;
};

}  // namespace

int serve_forks(int socket, int (*run)(int, char**)) {
  if (num_threads() != 1) machine_error("this process has started threads; it cannot fork ranks");
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  sigset_t child_ends;
  sigemptyset(&child_ends);
  sigaddset(&child_ends, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_ends, nullptr);
  const int ends = ::signalfd(-1, &child_ends, SFD_CLOEXEC | SFD_NONBLOCK);
  send_message(socket, {{"ready", true}});
  const pid_t self = ::getpid();
  for (bool has_ended = false; !has_ended;) {
    std::array<pollfd, 2> news{{{socket, POLLIN, 0}, {ends, POLLIN, 0}}};
    if (::poll(news.data(), news.size(), -1) < 0 && errno != EINTR) break;
    if (news[1].revents != 0) {
      signalfd_siginfo ignored{};
      while (::read(ends, &ignored, sizeof ignored) > 0) {
      }
      tell_ends(socket);
    }
    if (news[0].revents == 0) continue;
    const Value request = take_message(socket, 0, has_ended);
    if (!request.is_object()) continue;
    Child child{request["command"], request["environment"], request["log"], request["cores"]};
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(socket);
      ::close(ends);
      become(std::move(child), self, run);
    }
    if (pid < 0) {
      send_message(socket, {{"error", fmt::format("forking: {}", std::strerror(errno))}});
    } else {
      send_message(socket, {{"started", pid}});
    }
  }
  return 0;
}

// Kept until this process ends: the next run of the same program starts as fast.
std::shared_ptr<Starter> warm_starter(const std::string& program) {
  static std::map<std::string, std::shared_ptr<Starter>> servers;
  auto& known = servers[program];
  if (known) return known;
  try {
    known = std::make_shared<ForkServer>(program);
  } catch (const Error&) {  // a program that is no server
    known = make_exec_starter();
  }
  return known;
}

}  // namespace xp
