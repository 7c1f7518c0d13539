// Lines of JSON over a stream.
#include "engine/launch/channel.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace xp {

std::pair<Channel, Descriptor> Channel::open() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    machine_error("a socket pair cannot be made: {}", std::strerror(errno));
  return {Channel(Descriptor(pair[0])), Descriptor(pair[1])};
}

void Channel::send(const Value& message) {
  const std::string text = json_text(message) + "\n";
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count =
        ::send(socket_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) machine_error("the other process is gone: {}", std::strerror(errno));
    sent += static_cast<size_t>(count);
  }
}

std::optional<Value> Channel::receive(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (auto message = next_message()) return message;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd news{socket_.get(), POLLIN, 0};
    if (has_ended_ || ::poll(&news, 1, static_cast<int>(std::max(left.count(), 0L))) <= 0)
      return std::nullopt;
    std::array<char, 1 << 16> piece{};
    const ssize_t count = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (count > 0) received_.append(piece.data(), static_cast<size_t>(count));
    has_ended_ = count == 0 || (count < 0 && errno != EINTR);
  }
}

std::optional<Value> Channel::next_message() {
  const size_t end = received_.find('\n', begin_);
  if (end == std::string::npos) {
    received_.erase(0, begin_);
    begin_ = 0;
    return std::nullopt;
  }
  const std::string_view line = std::string_view(received_).substr(begin_, end - begin_);
  begin_ = end + 1;
  Value message = Value::parse(line, nullptr, /*allow_exceptions=*/false);
  if (message.is_discarded()) machine_error("the other process sent what is no JSON: {}", line);
  return message;
}

}  // namespace xp
