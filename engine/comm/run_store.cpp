// Requests wait for their answers one at a time; notices that come between are kept.
#include "engine/comm/run_store.h"

#include "engine/base/error.h"
#include "engine/base/secret.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <thread>

namespace xp {
namespace {

// The server's end of the connection is gone, or does not answer in time.
struct ConnectionLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct TooLate : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

std::string sized(const std::string& key) {
  return packed(static_cast<int64_t>(key.size())) + key;
}

}  // namespace

RunStore::RunStore(const Rendezvous& rendezvous)
    : c10d::Store(std::chrono::seconds(rendezvous.timeout_s)), rendezvous_(rendezvous) {
  if (rendezvous.key.empty())
    user_error("the ranks of a run need the run's key to meet; `xp run` gives them one");
  if (rendezvous_.rank == 0) server_ = std::make_unique<RunStoreServer>(rendezvous_);
  connect();
  wait_for_all();
}

// Rank 0 may not listen yet, and a stranger may stand in the way: tried until the time is up.
void RunStore::connect() {
  constexpr auto kPause = std::chrono::milliseconds(20);
  const auto deadline = deadline_from_now();
  std::string reason;
  while (Clock::now() < deadline) {
    auto attempt = connect_once(rendezvous_, deadline);
    reason = attempt.reason;
    if (attempt.connection) {
      connection_ = std::move(*attempt.connection);
      received_.clear();
      set_options(connection_.get(), rendezvous_.timeout_s);
      try {
        const std::string own = random_bytes(kNonceBytes);
        const std::string nonces = next_bytes(kNonceBytes, deadline) + own;
        send(own + packed(rendezvous_.rank) + client_proof(rendezvous_, nonces, rendezvous_.rank));
        const std::string proof = next_bytes(kProofBytes, deadline);
        if (is_same_proof(proof, server_proof(rendezvous_, nonces, rendezvous_.rank))) return;
        reason = "what answers there does not know the run's key";
      } catch (const ConnectionLost&) {
        reason = "what answers there does not accept this rank";
      } catch (const TooLate&) {
        reason = "it does not answer";
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  machine_error("rank 0 is not to be reached at {}:{} within {} s: {}", rendezvous_.host,
                rendezvous_.port, rendezvous_.timeout_s, reason);
}

void RunStore::wait_for_all() {
  // The server tells after the same time who is missing.
  const auto deadline = deadline_from_now() + std::chrono::seconds(rendezvous_.timeout_s);
  const auto list = [](const std::set<int64_t>& ranks) {
    return fmt::format("rank{} {}", ranks.size() > 1 ? "s" : "", fmt::join(ranks, ", "));
  };
  try {
    while (!are_all_here_) {
      take_notice(next_frame(deadline));
      if (!gone_.empty()) machine_error("{} ended before all ranks were there", list(gone_));
      if (!missing_.empty())
        machine_error("{} did not come within {} s", list(missing_), rendezvous_.timeout_s);
    }
  } catch (const std::runtime_error& error) {
    if (dynamic_cast<const Error*>(&error) != nullptr) throw;
    machine_error("rank 0 ended before all ranks were there");
  }
}

c10::intrusive_ptr<c10d::Store> RunStore::clone() {
  throw Error(Blame::kBug, "a run has one store");
}

void RunStore::set(const std::string& key, const std::vector<uint8_t>& value) {
  request(RunStoreRequest::kSet, sized(key) + std::string(value.begin(), value.end()),
          deadline_from_now());
}

std::vector<uint8_t> RunStore::get(const std::string& key) {
  return bytes_of(request(RunStoreRequest::kGet, key, deadline_from_now()));
}

int64_t RunStore::add(const std::string& key, int64_t value) {
  const std::string sum = request(RunStoreRequest::kAdd, packed(value) + key, deadline_from_now());
  std::string_view rest = sum;
  return take_number(rest);
}

bool RunStore::check(const std::vector<std::string>& keys) {
  std::string text;
  for (const auto& key : keys)
    text += sized(key);
  return request(RunStoreRequest::kCheck, text, deadline_from_now()) == "1";
}

void RunStore::wait(const std::vector<std::string>& keys) {
  wait(keys, timeout_);
}

void RunStore::wait(const std::vector<std::string>& keys,
                    const std::chrono::milliseconds& timeout) {
  for (const auto& key : keys)
    request(RunStoreRequest::kGet, key, Clock::now() + timeout);
}

bool RunStore::deleteKey(const std::string&) {
  throw Error(Blame::kBug, "keys of the run's store are not deleted");
}

int64_t RunStore::getNumKeys() {
  throw Error(Blame::kBug, "keys of the run's store are not counted");
}

// Two threads of a rank that fail together must not wait one after the other.
BlamedRanks RunStore::ranks_to_blame() {
  const std::lock_guard lock(mutex_);
  if (!blamed_) blamed_ = find_blamed();
  return *blamed_;
}

BlamedRanks RunStore::find_blamed() {
  const auto deadline = deadline_from_now();
  const int64_t number = ++num_requests_;
  try {
    send(framed(packed(number) + static_cast<char>(RunStoreRequest::kFailed)));
  } catch (const ConnectionLost&) {  // what was told before is still to be read
  }
  for (;;) {
    if (!gone_.empty()) return {{gone_.begin(), gone_.end()}};
    BlamedRanks silent{{}, /*are_gone=*/false};
    for (int64_t rank = 0; rank < rendezvous_.topology.ranks(); ++rank) {
      if (rank != rendezvous_.rank && !failed_.contains(rank)) silent.ranks.push_back(rank);
    }
    if (silent.ranks.empty()) return silent;
    try {
      const std::string frame = next_frame(deadline);
      take_notice(frame);
    } catch (const ConnectionLost&) {
      // Rank 0 holds the store. If it told of a failure it ended as this rank does.
      return failed_.contains(0) ? BlamedRanks{} : BlamedRanks{{0}};
    } catch (const TooLate&) {
      return silent;
    }
  }
}

std::string RunStore::request(RunStoreRequest what, const std::string& text,
                              Clock::time_point deadline) {
  const std::lock_guard lock(mutex_);
  const int64_t number = ++num_requests_;
  send(framed(packed(number) + static_cast<char>(what) + text));
  for (;;) {
    const std::string frame = next_frame(deadline);
    std::string_view rest = frame;
    const int64_t answered = take_number(rest);
    if (answered == number) return std::string(rest);
    if (answered == 0) take_notice(frame);  // else: an answer that came too late
  }
}

void RunStore::take_notice(std::string_view notice) {
  if (take_number(notice) != 0 || notice.empty()) return;
  const auto what = static_cast<RunStoreNotice>(notice.front());
  notice.remove_prefix(1);
  std::set<int64_t> ranks;
  while (!notice.empty())
    ranks.insert(take_number(notice));
  if (what == RunStoreNotice::kAllHere) are_all_here_ = true;
  if (what == RunStoreNotice::kMissing) missing_ = ranks;
  if (what == RunStoreNotice::kGone) gone_.merge(ranks);
  if (what == RunStoreNotice::kFailed) failed_.merge(ranks);
}

std::string RunStore::next_frame(Clock::time_point deadline) {
  for (;;) {
    if (auto frame = take_frame(received_, kMaxFrameBytes)) return *frame;
    receive_more(deadline);
  }
}

std::string RunStore::next_bytes(size_t count, Clock::time_point deadline) {
  while (received_.size() < count)
    receive_more(deadline);
  std::string out = received_.substr(0, count);
  received_.erase(0, count);
  return out;
}

void RunStore::receive_more(Clock::time_point deadline) {
  for (;;) {
    if (!wait_for(connection_.get(), POLLIN, deadline)) throw TooLate("rank 0 does not answer");
    std::array<char, 1 << 16> piece{};
    const ssize_t got = ::recv(connection_.get(), piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) throw ConnectionLost("the connection to rank 0 is gone");
    received_.append(piece.data(), static_cast<size_t>(got));
    return;
  }
}

void RunStore::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      wait_for(connection_.get(), POLLOUT, deadline_from_now());
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw ConnectionLost("the connection to rank 0 is gone");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

}  // namespace xp
