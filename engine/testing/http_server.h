// A web server on this machine that does what a test tells it to, also what servers do when
// something is wrong.
#pragma once

#include <fmt/format.h>

#include <arpa/inet.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace xp {

/// The answer that hands over a whole file.
inline std::string whole_answer(const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                     body.size(), body);
}

/// The answer that there is no such file.
inline std::string gone_answer() {
  return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

/// Serves one request at a time until it is destroyed.
class HttpServer {
 public:
  HttpServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(socket_, generic, size) != 0 || ::listen(socket_, 16) != 0 ||
        ::getsockname(socket_, generic, &size) != 0)
      throw std::runtime_error("no port to listen on");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
    for (const int open : silent_)
      ::close(open);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string address(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}/{}", port_, path);
  }

  /// What a path is answered with: bytes, after which the connection ends, or stays silent if they
  /// end in "STALL". `resumed` answers requests for the rest from the 10th byte on.
  /// Paths without an answer are gone.
  void answer(const std::string& path, const std::string& bytes, const std::string& resumed = "") {
    const std::lock_guard lock(mutex_);
    answers_[path] = {bytes, resumed};
  }

  int num_requests(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return num_requests_[path];
  }

 private:
  struct Answer {
    std::string bytes = gone_answer(), resumed;
  };

  Answer answer_to(const std::string& path) {
    const std::lock_guard lock(mutex_);
    ++num_requests_[path];
    const auto found = answers_.find(path);
    return found == answers_.end() ? Answer() : found->second;
  }

  void serve() {
    while (true) {
      const int connection = ::accept(socket_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request(4096, '\0');
      const auto got = ::read(connection, request.data(), request.size());
      request.resize(got > 0 ? static_cast<size_t>(got) : 0);
      const size_t begin = request.find('/') + 1, end = request.find(' ', begin);
      const Answer found = answer_to(request.substr(begin, end - begin));
      const bool resumes =
          !found.resumed.empty() && request.find("Range: bytes=10-") != std::string::npos;
      std::string bytes = resumes ? found.resumed : found.bytes;
      const bool stalls = bytes.ends_with("STALL");
      if (stalls) bytes.resize(bytes.size() - 5);
      send_all(connection, bytes);
      if (stalls) {
        silent_.push_back(connection);
      } else {
        ::close(connection);
      }
    }
  }

  static void send_all(int connection, const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const auto more = ::send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (more <= 0) return;
      sent += static_cast<size_t>(more);
    }
  }

  int socket_;
  int port_ = 0;
  std::mutex mutex_;
  std::map<std::string, Answer> answers_;
  std::map<std::string, int> num_requests_;
  std::vector<int> silent_;
  std::thread thread_;
};

}  // namespace xp
