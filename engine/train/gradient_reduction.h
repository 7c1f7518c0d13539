// Sums the gradients of shared parameters over all ranks while the model computes.
//
// The buffer of gradients is cut into chunks, and each sum has two halves (hierarchical_sum.h).
// While the last backward pass of an update computes the rest, the chunks that are finished are
// added up: each rank then has the sums of its part of them. That is all that the norm needs. The
// parts are put together while the next forward pass already computes (late_update.h). One thread
// does the steps inside the node, another those between nodes, so that both kinds of links are
// busy.
//
// Chunks are added up in an order that is the same on all ranks: that in which rank 0 finished them
// in its first backward pass. A gradient that a rank does not get, because it had no rows for that
// parameter, counts as zero when the pass is over, so that nobody waits for it longer.
#pragma once

#include "engine/comm/hierarchical_sum.h"
#include "engine/train/parameters.h"

#include <c10/core/Event.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace xp {

/// Small enough for an exchange not to wait long behind a chunk on a slow link, large enough for
/// the messages of a chunk not to be dear.
constexpr int64_t kChunkValues = 1 << 18;

class GradientReduction {
 public:
  /// How much longer the buffer's tail must be than what the caller puts there: the last figure is
  /// the sum of squares.
  static constexpr int64_t kOwnFigures = 1;

  /// Both must outlive this; the buffer collects its gradients. Two threads are started if there
  /// are several ranks. Collective.
  GradientReduction(FlatBuffer& shared, const Groups& groups, Wire wire,
                    int64_t chunk_values = kChunkValues);
  /// Waits for the sums that have begun, which fail once a peer has ended, too. If an exception
  /// destroys it, this rank gives up (Group::give_up): others may wait for its end.
  ~GradientReduction();
  GradientReduction(const GradientReduction&) = delete;
  GradientReduction& operator=(const GradientReduction&) = delete;

  /// The next backward pass is the last of this update. Without overlap: nothing.
  void begin();
  /// Adds up what is not yet added up, at last the buffer's tail, in fp32 whatever the wire. Every
  /// rank then has the same tail, its own part of the sums, and the same bits with and without
  /// overlap. Collective. Raises kMachine as Group.
  void finish();
  /// After `finish`: the sum over all elements of the squares of the summed gradients, float64, a
  /// scalar on the buffer's device.
  torch::Tensor square_sum() const;
  /// After `finish`: starts to bring all sums to all ranks, from the first chunk to the last, and
  /// returns at once. Collective. Without it the next update begins as if nothing had been summed.
  void gather();

  /// Parts of the buffer that `gather` brings one by one; one rank alone has a single one.
  size_t num_chunks() const { return chunks_.size(); }
  /// [begin, end) of a chunk.
  std::pair<int64_t, int64_t> chunk(size_t number) const {
    return {chunks_[number].begin, chunks_[number].end};
  }
  /// After `gather`: waits until the sums of a chunk are here. Raises kMachine as Group.
  void await(size_t chunk);

  /// What this rank sent since the last call. Not while sums are under way.
  LinkBytes take_bytes();
  /// Seconds that its sums took so far inside the node and between nodes, behind other work or not;
  /// also while sums are under way.
  double in_node_s() const { return sum_.in_node_s(); }
  double inter_node_s() const { return sum_.inter_node_s(); }
  double exposed_s() const { return exposed_s_; }  ///< what was waited for them so far

 private:
  struct Chunk {
    int64_t begin = 0, end = 0;
    int64_t num_parameters = 0;  ///< that have a gradient in it
    int64_t num_missing = 0;     ///< of these, in this backward pass
  };
  enum class Work { kScatter, kTail, kGather };
  enum class Action {
    kLineUp,
    kScatterInNode,
    kScatterBetween,
    kStoreSquares,
    kSumBetween,
    kGatherBetween,
    kGatherInNode
  };
  /// What is done with a chunk, or the tail, action by action.
  struct Job {
    Work work;
    size_t chunk;                       ///< not of the tail
    size_t next = 0;                    ///< of its actions
    std::shared_ptr<c10::Event> ready;  ///< what the action needs is there; null on the CPU
  };
  /// A thread, for the links inside the node or for those between nodes.
  struct Lane {
    std::deque<Job> waiting;
    std::shared_ptr<c10::Event> done;  ///< what it has given to its stream so far
    std::thread thread;
  };
  static std::span<const Action> actions(Work work);
  Lane& lane_of(Action action) { return is_in_node(action) ? in_node_ : between_; }
  static bool is_in_node(Action action) {
    return action == Action::kLineUp || action == Action::kScatterInNode ||
           action == Action::kGatherInNode;
  }
  bool is_alone() const { return !in_node_.thread.joinable(); }
  void cut();
  void gradient_is_there(size_t parameter);
  void start_ready();
  void agree_on_order();
  void push(Work work, size_t chunk);
  torch::Tensor values(const Job& job) const;
  void run(Lane& lane);
  void run_on(const c10::Device& device, Lane& lane);
  void act(Action action, const Job& job);
  void pass_on(Job job);
  void let_rows_pass() const;
  void add_squares(const Job& job);
  void store_squares();
  void block_on_lanes();

  FlatBuffer& shared_;
  Group& world_;
  HierarchicalSum sum_;
  Wire wire_;
  int64_t chunk_values_;
  double exposed_s_ = 0;
  LinkBytes taken_bytes_;  // so far

  // Of the thread that computes.
  std::vector<Chunk> chunks_;
  std::vector<std::pair<size_t, size_t>> chunks_of_;  ///< first and last chunk of each parameter
  std::vector<bool> is_there_;                        ///< by parameter
  std::vector<size_t> finished_;  ///< chunks in the order in which this pass finished them
  std::vector<size_t> order_;     ///< empty: not yet agreed on
  size_t num_started_ = 0;
  bool is_under_way_ = false;

  // Of the thread between nodes: the squares of this rank's part, by chunk.
  std::vector<double> squares_;
  std::vector<torch::Tensor> device_squares_;

  // Shared by the threads.
  std::mutex mutex_;
  std::condition_variable changed_;
  Lane in_node_, between_;
  bool ends_ = false;
  size_t num_open_ = 0;      ///< jobs that are not finished
  size_t num_gathered_ = 0;  ///< chunks, of this update
  std::exception_ptr failure_;
  const int num_exceptions_ = std::uncaught_exceptions();  ///< more at its end: one destroys it
};

}  // namespace xp
