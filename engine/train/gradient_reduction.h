// Sums the gradients of shared parameters over all ranks while the backward pass computes the rest.
//
// The buffer of gradients is cut into chunks. A chunk is summed when the backward pass has finished
// the gradients in it, in an order that is the same on all ranks: that in which rank 0 finished
// them in its first backward pass. A gradient that a rank does not get, because it had no rows for
// that parameter, counts as zero when the pass is over, so that nobody waits for it longer.
#pragma once

#include "engine/comm/hierarchical_sum.h"
#include "engine/train/parameters.h"

#include <c10/core/Event.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace xp {

/// Small enough for an exchange not to wait long behind a chunk on a slow link, large enough for
/// the messages of a chunk not to be dear.
constexpr int64_t kChunkValues = 1 << 18;

class GradientReduction {
 public:
  /// Both must outlive this; the buffer collects its gradients. A thread is started if there are
  /// several ranks. Collective.
  GradientReduction(FlatBuffer& shared, const Groups& groups, Wire wire,
                    int64_t chunk_values = kChunkValues);
  /// Waits for the sum that is under way, if any; it fails once a peer has ended, too.
  ~GradientReduction();
  GradientReduction(const GradientReduction&) = delete;
  GradientReduction& operator=(const GradientReduction&) = delete;

  /// The next backward pass is the last of this update. Without overlap: nothing.
  void begin();
  /// Sums what is not yet summed, at last the buffer's tail, in fp32 whatever the wire. Every rank
  /// then has the same sums, and the same bits with and without overlap. Collective. Raises
  /// kMachine as Group.
  void finish();

  /// Bytes that all ranks together send to other nodes for an update.
  int64_t inter_node_bytes() const;
  /// What this rank sent so far. Not while sums are under way.
  const LinkBytes& bytes() const { return sum_.bytes(); }
  /// Seconds that its sums took so far inside the node and between nodes, behind other work or not.
  double in_node_s() const { return sum_.in_node_s(); }
  double inter_node_s() const { return sum_.inter_node_s(); }
  double exposed_s() const { return exposed_s_; }  ///< what the last `finish` waited

 private:
  struct Chunk {
    int64_t begin = 0, end = 0;
    int64_t num_parameters = 0;  ///< that have a gradient in it
    int64_t num_missing = 0;     ///< of these, in this backward pass
  };
  void cut();
  void gradient_is_there(size_t parameter);
  void start_ready();
  void agree_on_order();
  void push(int64_t begin, int64_t end, Wire wire);
  void sum(const c10::Device& device);
  void wait();
  void work();

  FlatBuffer& shared_;
  Group& world_;
  HierarchicalSum sum_;
  Wire wire_;
  int64_t chunk_values_;
  double exposed_s_ = 0;

  // Of the thread that computes.
  std::vector<Chunk> chunks_;
  std::vector<std::pair<size_t, size_t>> chunks_of_;  ///< first and last chunk of each parameter
  std::vector<bool> is_there_;                        ///< by parameter
  std::vector<size_t> finished_;  ///< chunks in the order in which this pass finished them
  std::vector<size_t> order_;     ///< empty: not yet agreed on
  size_t num_started_ = 0;
  bool is_under_way_ = false;

  // Shared with the thread that sums.
  struct Range {
    int64_t begin, end;
    Wire wire;
    std::shared_ptr<c10::Event> ready;  ///< its gradients are there; null on the CPU
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Range> waiting_;
  bool is_summing_ = false, ends_ = false;
  std::exception_ptr failure_;
  std::shared_ptr<c10::Event> summed_;  ///< what the thread has given to its stream so far
  std::thread thread_;
};

}  // namespace xp
