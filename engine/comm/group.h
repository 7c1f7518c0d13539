// The ranks of a run and what they do together, over c10d. The only folder that knows c10d.
//
// "Node" is a property of the topology given to the run, not of the machines it is on: 2 x 2 ranks
// on a laptop are two nodes of two.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace xp {

/// nodes x ranks_per_node ranks; the ranks of a node are consecutive.
struct Topology {
  int64_t nodes = 1;
  int64_t ranks_per_node = 1;
  int64_t ranks() const { return nodes * ranks_per_node; }
  int64_t node_of(int64_t rank) const { return rank / ranks_per_node; }
};

/// Bytes sent by this rank, by the link they take.
struct LinkBytes {
  int64_t on_rank = 0;     ///< stays on the accelerator
  int64_t in_node = 0;     ///< to another rank of the node
  int64_t inter_node = 0;  ///< to another node
  LinkBytes operator-(const LinkBytes& o) const {
    return {on_rank - o.on_rank, in_node - o.in_node, inter_node - o.inter_node};
  }
  LinkBytes& operator+=(const LinkBytes& o) {
    on_rank += o.on_rank;
    in_node += o.in_node;
    inter_node += o.inter_node;
    return *this;
  }
};

/// How to find the other ranks.
struct Rendezvous {
  int64_t rank = 0;
  Topology topology;
  std::string host = "127.0.0.1";
  int64_t port = 0;
  int64_t timeout_s = 600;  ///< of a collective; a missing peer is an error after it
  std::string interface;    ///< network interface; empty = that of `host`
  std::string machine;      ///< this process's, for messages; empty: not told
  std::string key;          ///< a secret of the run: who does not know it cannot join
  bool overlap = true;      ///< false: exchanges and reductions are waited for where they start
  bool packs = false;       ///< values cross nodes packed
};

/// The rows that a started all-to-all brings.
class PendingRows {
 public:
  virtual ~PendingRows() = default;
  /// The tensor that receives the rows; not to be read before `wait` returns.
  virtual torch::Tensor rows() const = 0;
  /// Waits until all rows have arrived. Raises as the operations of Group.
  virtual torch::Tensor wait() = 0;
  /// Seconds from the start to the arrival of the last row; known after `wait`.
  virtual double seconds() const = 0;
};

/// Values that a member gets or sends: contiguous.
struct Transfer {
  int64_t member = 0;
  torch::Tensor values;
};

/// Transfers that have started.
class PendingTransfers {
 public:
  virtual ~PendingTransfers() = default;
  /// Waits until all have left and arrived. Raises as the operations of Group.
  virtual void wait() = 0;
  /// Seconds from the start until then; known after `wait`.
  virtual double seconds() const = 0;
};

/// A set of ranks that act together. All members call the same operations in the same order.
/// Every operation raises kMachine if a peer's process or connection is gone or the timeout passes,
/// naming the ranks to blame. A slow rank is never blamed before the timeout.
class Group {
 public:
  virtual ~Group() = default;

  virtual int64_t rank() const = 0;  ///< of this process inside the group
  virtual int64_t size() const = 0;
  /// The rank in the whole run of member `member`.
  virtual int64_t world_rank(int64_t member) const = 0;
  virtual const Topology& topology() const = 0;

  virtual void all_reduce_sum(torch::Tensor& tensor) = 0;
  virtual void all_reduce_max(torch::Tensor& tensor) = 0;
  virtual void broadcast(torch::Tensor& tensor, int64_t from) = 0;
  virtual void barrier() = 0;

  /// Row exchange without gradient: rows of `rows` go to the members in order, sent[m] rows to
  /// member m; taken[m] rows come back from member m. Returns at once; rows of two members arrive
  /// in the order of their exchanges' starts. Cost: rows x row bytes on the links.
  virtual std::unique_ptr<PendingRows> start_all_to_all(const torch::Tensor& rows,
                                                        const std::vector<int64_t>& sent,
                                                        const std::vector<int64_t>& taken) = 0;
  torch::Tensor all_to_all(const torch::Tensor& rows, const std::vector<int64_t>& sent,
                           const std::vector<int64_t>& taken) {
    return start_all_to_all(rows, sent, taken)->wait();
  }

  /// Sends values to members and receives others in place, without copies; returns when all have
  /// left and arrived. Both members of a transfer name it, with the same number of bytes, the
  /// transfers of two members in one order. Empty ones cost nothing. Not for the group itself.
  virtual void transfer(const std::vector<Transfer>& sent, const std::vector<Transfer>& taken) = 0;
  /// The same; between nodes it returns at once, and receivers may have room for more than is sent.
  /// Keeps alive what is transferred.
  virtual std::unique_ptr<PendingTransfers> start_transfer(std::vector<Transfer> sent,
                                                           std::vector<Transfer> taken);

  /// One row of integers from each member, stacked in rank order: [size, n].
  virtual torch::Tensor all_gather(const torch::Tensor& row) = 0;

  /// Adds to a counter of the group, which begins at 0, and returns what it was before. Not
  /// collective. Cost: one message to rank 0.
  virtual int64_t add_to_counter(const std::string& name, int64_t value) = 0;

  /// What `all_to_all` and `transfer` of all groups of this group's channel sent so far. Not for
  /// other threads than the one that starts the exchanges.
  virtual const LinkBytes& bytes() const = 0;
  /// Rendezvous::overlap.
  virtual bool overlaps() const = 0;
  /// Whether an all-to-all, or what `start_transfer` started, of a group of this rank that spans
  /// nodes has begun and not ended; for any thread.
  virtual bool has_rows_between_nodes() const { return false; }
  /// Rendezvous::packs, for values in the host's memory; groups of devices never do.
  virtual bool packs() const { return false; }

  /// Whom to blame for an operation of other links that failed, as the end of a sentence: "; rank 2
  /// on node1 is gone"; empty if nobody. Tells the others that this rank failed, and waits for what
  /// they tell, up to Rendezvous::timeout_s.
  virtual std::string blame() { return ""; }

  /// This rank ends by an error of its own: transfers that its other threads wait for fail soon,
  /// and so do later ones. Other ranks are not told; they notice the end of its process. Cannot be
  /// undone. For any thread.
  virtual void give_up() {}
};

/// Whether members are in different nodes.
inline bool spans_nodes(const Group& group) {
  const Topology& topology = group.topology();
  return topology.node_of(group.world_rank(0)) !=
         topology.node_of(group.world_rank(group.size() - 1));
}

/// Every `stride`-th rank from `first` on, `count` of them.
struct RankSet {
  int64_t first = 0, count = 1, stride = 1;
  /// Groups of different channels have connections of their own: their operations overlap, and a
  /// thread may use one channel while another thread uses another.
  int64_t channel = 0;
};

/// The groups of a run, of channel 0.
struct Groups {
  std::shared_ptr<Group> world;  ///< every rank
  std::shared_ptr<Group> node;   ///< the ranks of this node
  std::shared_ptr<Group> peers;  ///< the ranks with this one's place in every node; null if `world`
                                 ///< is not made of whole nodes
  /// The group of a set that this rank is in, the same one each time. Collective over the set the
  /// first time. Raises kMachine.
  std::function<std::shared_ptr<Group>(const RankSet&)> subgroup;
};

/// One rank alone: every operation is local. Costs nothing to make.
Groups alone();

/// Meets the other ranks (rank 0 listens) and builds the groups over Gloo. Collective. Raises
/// kMachine.
Groups connect(const Rendezvous& rendezvous);

}  // namespace xp
