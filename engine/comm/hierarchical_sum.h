// Sums of a tensor over all ranks, of which each byte crosses between nodes as rarely as possible.
//
// Inside the node each rank gets the sums of its share; the ranks with the same place in all nodes
// sum their share between nodes; inside the node the shares are put together. An element's sum is
// that of the nodes, in order, of the sums of their ranks, in order: it does not depend on how a
// tensor is cut into calls, and every rank gets the same bits. The two halves may be apart: after
// the first each rank has the sums of its own part, the second puts the parts together. So may the
// steps of a half, in two threads: one that uses the links inside the node, one for those between
// nodes.
#pragma once

#include "engine/comm/group.h"
#include "engine/comm/wire.h"

#include <torch/types.h>

#include <atomic>
#include <memory>

namespace xp {

class HierarchicalSum {
 public:
  /// Its group inside the node is of channel `channel`, the one between nodes of the next: a thread
  /// that uses one of them must be the only one. Collective.
  HierarchicalSum(const Groups& groups, int64_t channel);

  /// Replaces values [n], fp32, by their sums over all ranks; between nodes they are in the format
  /// of `wire`. Collective. Raises as Group. Cost: 2 (G - 1) / G x n values to ranks of the node
  /// and 2 (N - 1) / N / G x n to other nodes, for N nodes of G ranks.
  void add_up(const torch::Tensor& values, Wire wire);

  /// The first half, in two steps: then this rank's part of `values` holds its sums, rounded as
  /// `wire` rounds them; the rest is not to be read.
  void scatter_in_node(const torch::Tensor& values);
  void scatter_between_nodes(const torch::Tensor& values, Wire wire);
  /// The second half, in two steps: brings every rank's part to all.
  void gather_between_nodes(const torch::Tensor& values, Wire wire);
  void gather_in_node(const torch::Tensor& values);
  /// This rank's part of `values`, in place. The parts of all ranks are the whole.
  torch::Tensor own_part(const torch::Tensor& values) const;

  /// What this rank sent so far.
  LinkBytes bytes() const {
    LinkBytes out = node_->bytes();
    out += peers_->bytes();
    return out;
  }
  /// Seconds so far of the steps inside the node, and of those between nodes; for any thread.
  double in_node_s() const { return in_node_s_.load(); }
  double inter_node_s() const { return inter_node_s_.load(); }

 private:
  std::shared_ptr<Group> node_, peers_;
  std::atomic<double> in_node_s_ = 0, inter_node_s_ = 0;
};

}  // namespace xp
