// The server of the run's store, a thread of rank 0.
//
// One TCP connection for each rank. Numbers are 8 bytes in the order of the machine, a frame is its
// length in 4 bytes and so many bytes:
//   server  32 random bytes
//   client  32 random bytes, its rank, HMAC-SHA256("client", both, rank) under the run's key
//   server  HMAC-SHA256("server", both, rank)
// then frames. A request is a number that its answer repeats, a letter and the rest; a notice of
// the server is the number 0, a letter and ranks. A connection that says anything else is closed,
// as are the oldest of those that have proved nothing when there are too many. Once all ranks are
// there the server does not listen any more.
#pragma once

#include "engine/comm/sockets.h"

#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace xp {

/// What a client asks; the rest of the request behind it.
enum class RunStoreRequest : char {
  kSet = 'S',    ///< length of the key, key, value; no answer text
  kGet = 'G',    ///< key; the value, once there is one
  kAdd = 'A',    ///< number, key; the sum, which is kept as decimal text
  kCheck = 'C',  ///< for each key its length and itself; "1" if all are there, else "0"
  kFailed = 'F'  ///< an operation of this rank failed; no answer
};

/// What the server tells all ranks.
enum class RunStoreNotice : char {
  kAllHere = 'A',
  kMissing = 'M',  ///< the ranks that did not come in time
  kGone = 'X',     ///< the rank's connection ended, although no operation of it failed
  kFailed = 'F'    ///< an operation of this rank failed
};

/// The two proofs of a handshake, over both sides' random bytes and the rank.
std::string client_proof(const Rendezvous& rendezvous, const std::string& nonces, int64_t rank);
std::string server_proof(const Rendezvous& rendezvous, const std::string& nonces, int64_t rank);

constexpr size_t kNonceBytes = 32, kProofBytes = 32;
/// More than any group keeps in one value.
constexpr size_t kMaxFrameBytes = 1 << 20;

class RunStoreServer {
 public:
  /// Listens and serves. Raises kMachine if it cannot listen.
  explicit RunStoreServer(const Rendezvous& rendezvous);
  ~RunStoreServer();
  RunStoreServer(const RunStoreServer&) = delete;
  RunStoreServer& operator=(const RunStoreServer&) = delete;

 private:
  struct Client {
    Descriptor socket;
    std::string nonce, received, unsent;
    int64_t rank = -1;  // before its proof
    bool has_failed = false;
    std::map<int64_t, std::string> waiting;  // request -> key
    bool is_ended = false;
  };

  void run();
  void accept_from(int listener);
  void read_from(Client& client);
  void take_proof(Client& client);
  void serve(Client& client, const std::string& frame);
  void set(const std::string& key, std::string value);
  static void answer(Client& client, int64_t request, std::string_view text);
  void notify_all(RunStoreNotice what, const std::vector<int64_t>& ranks);
  static void write_to(Client& client);
  void remove_ended();
  void drop_strangers(size_t most);
  std::vector<int64_t> missing() const;

  Rendezvous rendezvous_;
  std::vector<Descriptor> listeners_;
  Descriptor stop_;
  std::vector<Client> clients_;  // in the order in which they came
  std::map<std::string, std::string> values_;
  Clock::time_point join_deadline_;
  bool were_all_here_ = false, has_told_missing_ = false;
  std::thread thread_;
};

}  // namespace xp
