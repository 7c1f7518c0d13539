// Where the ranks of a run meet: a key-value store on rank 0, which only ranks of the run can use,
// and which knows whose connection is gone.
//
// c10d's own TCPStore serves whoever connects: it has no password and lists its keys to strangers.
#pragma once

#include "engine/comm/run_store_server.h"

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xp {

/// Ranks that made an operation fail.
struct BlamedRanks {
  std::vector<int64_t> ranks;
  bool are_gone = true;  ///< their connections are; else they did not answer in time
};

/// A rank's connection to the store. May be used by several threads.
class RunStore final : public c10d::Store {
 public:
  /// Connects; rank 0 also starts the server. Returns when all ranks are connected. Raises kMachine
  /// naming the ranks that are gone, or missing after `rendezvous.timeout_s`.
  explicit RunStore(const Rendezvous& rendezvous);
  ~RunStore() override = default;

  c10::intrusive_ptr<c10d::Store> clone() override;
  void set(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> get(const std::string& key) override;  ///< waits for the key
  int64_t add(const std::string& key, int64_t value) override;
  bool check(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override;
  bool deleteKey(const std::string& key) override;  ///< raises kBug: no group deletes keys
  int64_t getNumKeys() override;                    ///< raises kBug: no group counts keys

  /// Tells the others that an operation of this rank failed, so that its end is not taken for the
  /// cause, and waits for what is: ranks whose connection is gone although they told nothing. If
  /// there are none after `timeout_s`, the ranks that told nothing until then do not answer. Empty
  /// if all ranks failed. Found out once: the answer to the first call is that to all.
  BlamedRanks ranks_to_blame();

 private:
  void connect();
  void wait_for_all();
  BlamedRanks find_blamed();
  std::string request(RunStoreRequest what, const std::string& text, Clock::time_point deadline);
  std::string next_bytes(size_t count, Clock::time_point deadline);
  std::string next_frame(Clock::time_point deadline);
  void receive_more(Clock::time_point deadline);
  void take_notice(std::string_view notice);
  void send(std::string_view bytes);
  Clock::time_point deadline_from_now() const {
    return Clock::now() + std::chrono::seconds(rendezvous_.timeout_s);
  }

  Rendezvous rendezvous_;
  std::unique_ptr<RunStoreServer> server_;  // of rank 0
  std::mutex mutex_;                        // of what follows
  Descriptor connection_;
  std::string received_;
  int64_t num_requests_ = 0;
  bool are_all_here_ = false;
  std::set<int64_t> gone_, failed_, missing_;
  std::optional<BlamedRanks> blamed_;
};

}  // namespace xp
