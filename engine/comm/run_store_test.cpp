// Who may join a run, and who is to blame if one of its ranks ends.
//
// Ranks are threads here; a rank's process ends by the end of its RunStore.
#include "engine/comm/run_store.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/process.h"
#include "engine/base/secret.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <thread>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

Rendezvous rendezvous(int64_t rank, int64_t ranks, int64_t port, int64_t timeout_s = 20) {
  Rendezvous out;
  out.rank = rank;
  out.topology = {1, ranks};
  out.port = port;
  out.timeout_s = timeout_s;
  out.interface = "lo";
  out.key = "the key of this run";
  return out;
}

using Stores = std::vector<std::unique_ptr<RunStore>>;

// All ranks of a run, connected.
Stores connected(int64_t ranks, int64_t timeout_s = 20) {
  const int64_t port = free_port();
  std::vector<std::future<std::unique_ptr<RunStore>>> joining;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    joining.push_back(std::async(std::launch::async, [=] {
      return std::make_unique<RunStore>(rendezvous(rank, ranks, port, timeout_s));
    }));
  }
  Stores out;
  for (auto& one : joining)
    out.push_back(one.get());
  return out;
}

std::string text_of(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

// A connection of somebody who does not know the key.
Descriptor stranger(int64_t port) {
  const auto until = Clock::now() + std::chrono::seconds(10);
  while (Clock::now() < until) {
    auto attempt = connect_once(rendezvous(1, 2, port), until);
    if (attempt.connection) return std::move(*attempt.connection);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Descriptor();
}

bool is_closed_by_peer(const Descriptor& connection) {
  char piece[4096];
  for (;;) {
    if (!wait_for(connection.get(), POLLIN, Clock::now() + std::chrono::seconds(10))) return false;
    const ssize_t got = ::recv(connection.get(), piece, sizeof piece, 0);
    if (got <= 0) return true;
  }
}

}  // namespace

TEST_CASE("what one rank sets every rank gets, also if it asks first") {
  const Stores stores = connected(3);
  auto asked = std::async(std::launch::async, [&] { return text_of(stores[2]->get("key")); });
  CHECK_FALSE(stores[1]->check({"key"}));
  stores[1]->c10d::Store::set("key", "value");
  CHECK(asked.get() == "value");
  CHECK(text_of(stores[0]->get("key")) == "value");
  CHECK(stores[0]->check({"key"}));
  CHECK_FALSE(stores[0]->check({"key", "another"}));
  CHECK(stores[0]->add("count", 2) == 2);
  CHECK(stores[1]->add("count", 3) == 5);
  CHECK(text_of(stores[2]->get("count")) == "5");
}

TEST_CASE("a value that nobody sets is waited for until the timeout") {
  const Stores stores = connected(2);
  CHECK_THROWS(stores[1]->wait({"never"}, std::chrono::milliseconds(50)));
  // The connection is still of use.
  stores[1]->c10d::Store::set("key", "value");
  CHECK(text_of(stores[0]->get("key")) == "value");
}

TEST_CASE("a rank without a key is told to get one") {
  Rendezvous without = rendezvous(0, 2, free_port());
  without.key.clear();
  CHECK(message_of([&] { RunStore store(without); }) ==
        "the ranks of a run need the run's key to meet; `xp run` gives them one");
}

TEST_CASE("a rank with another key is not let in and the missing rank is named") {
  const int64_t port = free_port();
  auto first = std::async(std::launch::async, [&] {
    return message_of([&] { RunStore store(rendezvous(0, 2, port, 2)); });
  });
  Rendezvous other = rendezvous(1, 2, port, 1);
  other.key = "the key of another run";
  CHECK(message_of([&] { RunStore store(other); }) ==
        fmt::format("rank 0 is not to be reached at 127.0.0.1:{} within 1 s: what answers there "
                    "does not accept this rank",
                    port));
  CHECK(first.get() == "rank 1 did not come within 2 s");
}

TEST_CASE("a rank does not trust a server that does not know the key") {
  const int64_t port = free_port();
  Rendezvous other = rendezvous(0, 2, port, 1);
  other.key = "the key of another run";
  const RunStoreServer imposter(other);
  CHECK(message_of([&] {
          RunStore store(rendezvous(1, 2, port, 1));
        }).starts_with("rank 0 is not to be reached at"));
}

TEST_CASE("on one machine rank 0 listens on the loopback interface only") {
  const int64_t port = free_port();
  const RunStoreServer server(rendezvous(0, 2, port));
  std::vector<std::string> addresses;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const std::string text = read_if_there(table).value_or("");
    const std::string wanted = fmt::format(":{:04X} ", port);
    for (size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + 1)) {
      const size_t begin = text.rfind(' ', at) + 1;
      addresses.push_back(text.substr(begin, at - begin));
    }
  }
  CHECK(addresses == std::vector<std::string>{"0100007F"});
}

TEST_CASE("intruders that connect, send garbage and flood do not keep a run from starting") {
  const int64_t port = free_port();
  auto first = std::async(std::launch::async,
                          [&] { return std::make_unique<RunStore>(rendezvous(0, 2, port)); });
  std::vector<Descriptor> silent;
  for (int i = 0; i < 600; ++i)  // more than the server keeps
    silent.push_back(stranger(port));
  const Descriptor rude = stranger(port);
  const std::string garbage(1 << 20, '\xff');
  ::send(rude.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  CHECK(is_closed_by_peer(rude));
  CHECK(is_closed_by_peer(silent.front()));
  std::atomic<bool> is_over = false;
  std::thread flood([&] {
    while (!is_over) {
      auto attempt = connect_once(rendezvous(1, 2, port), Clock::now() + std::chrono::seconds(1));
      if (attempt.connection)
        ::send(attempt.connection->get(), garbage.data(), 1000, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  });
  const auto second = std::make_unique<RunStore>(rendezvous(1, 2, port));
  const auto served = first.get();
  is_over = true;
  flood.join();
  second->c10d::Store::set("key", "value");
  CHECK(text_of(served->get("key")) == "value");
  // Nobody is let in any more, and nobody listens.
  CHECK(is_closed_by_peer(silent.back()));
  CHECK_FALSE(connect_once(rendezvous(1, 2, port), Clock::now() + std::chrono::seconds(1))
                  .connection.has_value());
}

TEST_CASE(
    "a rank that has proved itself and then sends nonsense is shut out, the others continue") {
  const int64_t port = free_port();
  RunStoreServer server(rendezvous(0, 2, port));
  const Descriptor raw = stranger(port);
  std::string nonce(kNonceBytes, '\0');
  REQUIRE(wait_for(raw.get(), POLLIN, Clock::now() + std::chrono::seconds(10)));
  REQUIRE(::recv(raw.get(), nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()));
  const std::string own(kNonceBytes, 'x');
  const std::string proof = own + packed(1) + client_proof(rendezvous(1, 2, port), nonce + own, 1);
  ::send(raw.get(), proof.data(), proof.size(), MSG_NOSIGNAL);
  const std::string nonsense = framed("too short");
  ::send(raw.get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
  CHECK(is_closed_by_peer(raw));
}

TEST_CASE("the rank whose connection is gone is to blame, not those that are slow to notice") {
  Stores stores = connected(4);
  stores[2].reset();
  // Rank 3 computes on and says nothing; ranks 0 and 1 see their operations fail.
  auto first = std::async(std::launch::async, [&] { return stores[0]->ranks_to_blame(); });
  const BlamedRanks second = stores[1]->ranks_to_blame();
  CHECK(first.get().ranks == std::vector<int64_t>{2});
  CHECK(second.ranks == std::vector<int64_t>{2});
  CHECK(second.are_gone);
  // Ranks 0 and 1 end of it; whoever notices late still knows the cause.
  stores[1].reset();
  CHECK(stores[3]->ranks_to_blame().ranks == std::vector<int64_t>{2});
}

TEST_CASE("the cause is known although rank 0, which holds the store, has ended of it") {
  Stores stores = connected(3);
  stores[1].reset();
  CHECK(stores[0]->ranks_to_blame().ranks == std::vector<int64_t>{1});
  stores[0].reset();
  CHECK(stores[2]->ranks_to_blame().ranks == std::vector<int64_t>{1});
}

TEST_CASE("rank 0 is to blame if it ends without a word") {
  Stores stores = connected(3);
  stores[0].reset();
  CHECK(stores[1]->ranks_to_blame().ranks == std::vector<int64_t>{0});
  CHECK(stores[2]->ranks_to_blame().ranks == std::vector<int64_t>{0});
}

TEST_CASE("nobody is to blame if the operations of all ranks fail") {
  const Stores stores = connected(2);
  auto first = std::async(std::launch::async, [&] { return stores[0]->ranks_to_blame(); });
  CHECK(stores[1]->ranks_to_blame().ranks.empty());
  CHECK(first.get().ranks.empty());
}

TEST_CASE("a rank that neither ends nor answers is named after the timeout") {
  const Stores stores = connected(2, /*timeout_s=*/1);
  const BlamedRanks blamed = stores[0]->ranks_to_blame();
  CHECK(blamed.ranks == std::vector<int64_t>{1});
  CHECK_FALSE(blamed.are_gone);
}
