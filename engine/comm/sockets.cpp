// POSIX sockets.
#include "engine/comm/sockets.h"

#include "engine/base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace xp {
namespace {

constexpr const char* kLoopback = "lo";

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  Address(const sockaddr* from, socklen_t length) : size(length) {
    std::memcpy(&bytes, from, length);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  bool is_loopback() const {
    if (bytes.ss_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(&bytes);
      return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&bytes)->sin6_addr) != 0;
  }
  void set_port(int64_t port) {
    const auto number = htons(static_cast<uint16_t>(port));
    if (bytes.ss_family == AF_INET)
      reinterpret_cast<sockaddr_in*>(&bytes)->sin_port = number;
    else
      reinterpret_cast<sockaddr_in6*>(&bytes)->sin6_port = number;
  }
};

std::string error_text() {
  return std::strerror(errno);
}

// Of the host; `reason` says why there are none.
std::vector<Address> addresses_of(const Rendezvous& rendezvous, std::string& reason) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(rendezvous.port);
  if (const int code = ::getaddrinfo(rendezvous.host.c_str(), port.c_str(), &hints, &list);
      code != 0) {
    reason = fmt::format("host '{}' has no address: {}", rendezvous.host, ::gai_strerror(code));
    return {};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(list, ::freeaddrinfo);
  std::vector<Address> out;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next)
    out.emplace_back(one->ai_addr, one->ai_addrlen);
  return out;
}

std::vector<Address> addresses_of_interface(const Rendezvous& rendezvous) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) machine_error("network interfaces: {}", error_text());
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(list, ::freeifaddrs);
  std::vector<Address> out;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || rendezvous.interface != one->ifa_name) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    out.emplace_back(one->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    out.back().set_port(rendezvous.port);
  }
  return out;
}

// A socket that listens on `address`; none if the address is not of this machine or taken already.
std::optional<Descriptor> listen_on(const Address& address) {
  const int family = address.bytes.ss_family;
  Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool listens = ::bind(socket.get(), address.get(), address.size) == 0 &&
                       ::listen(socket.get(), SOMAXCONN) == 0;
  return listens ? std::optional(std::move(socket)) : std::nullopt;
}

}  // namespace

std::vector<Descriptor> listening_sockets(const Rendezvous& rendezvous) {
  std::string reason;
  auto addresses = addresses_of(rendezvous, reason);
  // Debian's hosts know themselves as 127.0.1.1, where no other host comes.
  if (!rendezvous.interface.empty() && rendezvous.interface != kLoopback) {
    std::erase_if(addresses, [](const Address& address) { return address.is_loopback(); });
    for (const auto& address : addresses_of_interface(rendezvous))
      addresses.push_back(address);
  }
  std::vector<Descriptor> out;
  for (const auto& address : addresses) {
    errno = 0;
    if (auto socket = listen_on(address)) out.push_back(std::move(*socket));
    if (errno == EADDRINUSE && out.empty()) reason = "another process uses the port";
  }
  if (out.empty()) {
    machine_error("rank 0 cannot listen at {}:{}: {}", rendezvous.host, rendezvous.port,
                  reason.empty() ? "it is not an address of this machine" : reason);
  }
  return out;
}

ConnectionAttempt connect_once(const Rendezvous& rendezvous, Clock::time_point deadline) {
  ConnectionAttempt out;
  for (const auto& address : addresses_of(rendezvous, out.reason)) {
    Descriptor socket(
        ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(socket.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
      out.reason = error_text();
      continue;
    }
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (wait_for(socket.get(), POLLOUT, deadline))
      ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return {std::move(socket), ""};
    out.reason = std::strerror(error);
  }
  return out;
}

void set_options(int fd, int64_t timeout_s) {
  const auto set = [fd](int level, int option, int64_t value) {
    const int number = static_cast<int>(std::clamp<int64_t>(value, 1, 30'000));
    ::setsockopt(fd, level, option, &number, sizeof number);
  };
  constexpr int kProbes = 5;
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, timeout_s / 2);
  set(IPPROTO_TCP, TCP_KEEPINTVL, timeout_s / 2 / kProbes);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 60'000)));
    if (ready > 0) return true;
    if (ready == 0 && left <= 60'000) return false;
  }
}

std::string framed(std::string_view text) {
  const auto length = static_cast<uint32_t>(text.size());
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out.append(text);
}

std::optional<std::string> take_frame(std::string& bytes, size_t max_length) {
  uint32_t length = 0;
  if (bytes.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > max_length)
    machine_error("a message says to be {} bytes long; at most {} are possible", length,
                  max_length);
  if (bytes.size() < sizeof length + length) return std::nullopt;
  std::string out = bytes.substr(sizeof length, length);
  bytes.erase(0, sizeof length + length);
  return out;
}

std::string packed(int64_t number) {
  std::string out(sizeof number, '\0');
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

int64_t take_number(std::string_view& bytes) {
  int64_t out = 0;
  if (bytes.size() < sizeof out) machine_error("a message ends too early");
  std::memcpy(&out, bytes.data(), sizeof out);
  bytes.remove_prefix(sizeof out);
  return out;
}

}  // namespace xp
