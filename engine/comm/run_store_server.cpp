// One thread, one loop over poll(2); what a client is told waits in its buffer until its socket
// takes it.
#include "engine/comm/run_store_server.h"

#include "engine/base/error.h"
#include "engine/base/secret.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace xp {
namespace {

constexpr size_t kMaxStrangers = 256;
constexpr size_t kMaxUnsent = 16 * kMaxFrameBytes;
constexpr size_t kHandshakeBytes = kNonceBytes + sizeof(int64_t) + kProofBytes;

}  // namespace

std::string client_proof(const Rendezvous& rendezvous, const std::string& nonces, int64_t rank) {
  return proof_of(rendezvous.key, "client" + nonces + packed(rank));
}

std::string server_proof(const Rendezvous& rendezvous, const std::string& nonces, int64_t rank) {
  return proof_of(rendezvous.key, "server" + nonces + packed(rank));
}

RunStoreServer::RunStoreServer(const Rendezvous& rendezvous)
    : rendezvous_(rendezvous),
      listeners_(listening_sockets(rendezvous)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      join_deadline_(Clock::now() + std::chrono::seconds(rendezvous.timeout_s)) {
  check(stop_.get() >= 0, "an eventfd can be made");
  thread_ = std::thread([this] { run(); });
}

RunStoreServer::~RunStoreServer() {
  const uint64_t one = 1;
  check(::write(stop_.get(), &one, sizeof one) == sizeof one, "an eventfd takes a number");
  thread_.join();
}

void RunStoreServer::run() {
  for (;;) {
    std::vector<pollfd> fds = {{stop_.get(), POLLIN, 0}};
    for (const auto& listener : listeners_)
      fds.push_back({listener.get(), POLLIN, 0});
    const size_t first_client = fds.size(), num_clients = clients_.size();
    for (const auto& client : clients_) {
      const int events = client.unsent.empty() ? POLLIN : POLLIN | POLLOUT;
      fds.push_back({client.socket.get(), static_cast<short>(events), 0});
    }
    constexpr int kTick_ms = 1000;
    ::poll(fds.data(), fds.size(), were_all_here_ ? -1 : kTick_ms);
    if (fds[0].revents != 0) break;
    for (size_t i = 0; i < num_clients; ++i) {
      const short events = fds[first_client + i].revents;
      if ((events & POLLOUT) != 0) write_to(clients_[i]);
      if ((events & ~POLLOUT) != 0) read_from(clients_[i]);
    }
    for (size_t i = 1; i < first_client && !listeners_.empty(); ++i) {
      if (fds[i].revents != 0) accept_from(fds[i].fd);
    }
    remove_ended();
    const auto left = missing();
    if (!were_all_here_ && left.empty()) {
      were_all_here_ = true;
      listeners_.clear();
      drop_strangers(0);
      notify_all(RunStoreNotice::kAllHere, {});
    } else if (!were_all_here_ && !has_told_missing_ && Clock::now() > join_deadline_) {
      has_told_missing_ = true;
      notify_all(RunStoreNotice::kMissing, left);
    }
  }
  for (auto& client : clients_)
    write_to(client);
}

void RunStoreServer::accept_from(int listener) {
  for (;;) {
    Descriptor socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.get() < 0) {
      if (errno == EMFILE || errno == ENFILE) drop_strangers(0);
      return;
    }
    set_options(socket.get(), rendezvous_.timeout_s);
    Client client;
    client.socket = std::move(socket);
    client.nonce = client.unsent = random_bytes(kNonceBytes);
    write_to(client);
    clients_.push_back(std::move(client));
    drop_strangers(kMaxStrangers);
  }
}

void RunStoreServer::drop_strangers(size_t most) {
  size_t num = static_cast<size_t>(std::count_if(
      clients_.begin(), clients_.end(), [](const Client& client) { return client.rank < 0; }));
  std::erase_if(clients_,
                [&](const Client& client) { return client.rank < 0 && num > most && num-- > 0; });
}

// Of a stranger no more is read than a proof is long.
void RunStoreServer::read_from(Client& client) {
  std::array<char, 1 << 16> piece{};
  const size_t most = client.rank < 0 ? kHandshakeBytes - client.received.size() : piece.size();
  const ssize_t got = ::recv(client.socket.get(), piece.data(), most, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    client.is_ended = true;
    return;
  }
  client.received.append(piece.data(), static_cast<size_t>(got));
  try {
    if (client.rank < 0) take_proof(client);
    while (client.rank >= 0) {
      const auto frame = take_frame(client.received, kMaxFrameBytes);
      if (!frame) break;
      serve(client, *frame);
    }
  } catch (const Error&) {
    client.is_ended = true;
  }
}

void RunStoreServer::take_proof(Client& client) {
  if (client.received.size() < kHandshakeBytes) return;
  const std::string nonces = client.nonce + client.received.substr(0, kNonceBytes);
  std::string_view rest = std::string_view(client.received).substr(kNonceBytes);
  const int64_t rank = take_number(rest);
  const bool is_known = is_same_proof(rest, client_proof(rendezvous_, nonces, rank));
  const bool is_free = std::none_of(clients_.begin(), clients_.end(),
                                    [rank](const Client& other) { return other.rank == rank; });
  if (!is_known || !is_free || rank < 0 || rank >= rendezvous_.topology.ranks()) {
    client.is_ended = true;
    return;
  }
  client.rank = rank;
  client.received.clear();
  client.unsent += server_proof(rendezvous_, nonces, rank);
  write_to(client);
}

void RunStoreServer::serve(Client& client, const std::string& frame) {
  std::string_view rest = frame;
  const int64_t request = take_number(rest);
  const char letter = rest.empty() ? '\0' : rest.front();
  rest.remove_prefix(rest.empty() ? 0 : 1);
  const auto take_key = [&rest] {
    const auto length = static_cast<size_t>(take_number(rest));
    const std::string key(rest.substr(0, length));
    rest.remove_prefix(key.size());
    return key;
  };
  switch (static_cast<RunStoreRequest>(letter)) {
    case RunStoreRequest::kSet: {
      const std::string key = take_key();
      set(key, std::string(rest));
      return answer(client, request, "");
    }
    case RunStoreRequest::kGet: {
      const auto found = values_.find(std::string(rest));
      if (found != values_.end()) return answer(client, request, found->second);
      client.waiting[request] = std::string(rest);
      return;
    }
    case RunStoreRequest::kAdd: {
      const int64_t added = take_number(rest);
      const std::string key(rest);
      const auto found = values_.find(key);
      const int64_t before = found == values_.end() ? 0 : std::atoll(found->second.c_str());
      set(key, std::to_string(before + added));
      return answer(client, request, packed(before + added));
    }
    case RunStoreRequest::kCheck: {
      bool has_all = true;
      while (!rest.empty())
        has_all = values_.contains(take_key()) && has_all;
      return answer(client, request, has_all ? "1" : "0");
    }
    case RunStoreRequest::kFailed:
      client.has_failed = true;
      return notify_all(RunStoreNotice::kFailed, {client.rank});
  }
  client.is_ended = true;
}

void RunStoreServer::set(const std::string& key, std::string value) {
  const std::string& kept = values_[key] = std::move(value);
  for (auto& client : clients_) {
    for (auto at = client.waiting.begin(); at != client.waiting.end();) {
      const bool is_it = at->second == key;
      if (is_it) answer(client, at->first, kept);
      at = is_it ? client.waiting.erase(at) : std::next(at);
    }
  }
}

void RunStoreServer::answer(Client& client, int64_t request, std::string_view text) {
  client.unsent += framed(packed(request).append(text));
  write_to(client);
}

void RunStoreServer::notify_all(RunStoreNotice what, const std::vector<int64_t>& ranks) {
  std::string text = packed(0) + static_cast<char>(what);
  for (const int64_t rank : ranks)
    text += packed(rank);
  for (auto& client : clients_) {
    if (client.rank < 0) continue;
    client.unsent += framed(text);
    write_to(client);
  }
}

void RunStoreServer::write_to(Client& client) {
  while (!client.unsent.empty()) {
    const ssize_t sent = ::send(client.socket.get(), client.unsent.data(), client.unsent.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) client.is_ended = true;
    if (sent <= 0) break;
    client.unsent.erase(0, static_cast<size_t>(sent));
  }
  if (client.unsent.size() > kMaxUnsent) client.is_ended = true;
}

void RunStoreServer::remove_ended() {
  std::vector<int64_t> gone;
  for (const auto& client : clients_) {
    if (client.is_ended && client.rank >= 0 && !client.has_failed) gone.push_back(client.rank);
  }
  std::erase_if(clients_, [](const Client& client) { return client.is_ended; });
  if (!gone.empty()) notify_all(RunStoreNotice::kGone, gone);
}

std::vector<int64_t> RunStoreServer::missing() const {
  std::vector<int64_t> out;
  for (int64_t rank = 0; rank < rendezvous_.topology.ranks(); ++rank) {
    if (std::none_of(clients_.begin(), clients_.end(),
                     [rank](const Client& client) { return client.rank == rank; }))
      out.push_back(rank);
  }
  return out;
}

}  // namespace xp
