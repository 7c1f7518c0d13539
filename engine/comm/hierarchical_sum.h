// Sums of a tensor over all ranks, of which each byte crosses between nodes as rarely as possible.
//
// Inside the node each rank gets the sums of its share; the ranks with the same place in all nodes
// sum their share between nodes; inside the node the shares are put together. An element's sum is
// that of the nodes, in order, of the sums of their ranks, in order: it does not depend on how a
// tensor is cut into calls, and every rank gets the same bits.
#pragma once

#include "engine/comm/group.h"
#include "engine/comm/wire.h"

#include <torch/types.h>

#include <memory>

namespace xp {

class HierarchicalSum {
 public:
  /// Its groups are of channel `channel`: the thread that calls `add_up` must be the only one that
  /// uses that channel. Collective.
  HierarchicalSum(const Groups& groups, int64_t channel);

  /// Replaces values [n], fp32, by their sums over all ranks; between nodes they are in the format
  /// of `wire`. Collective. Raises as Group. Cost: 2 (G - 1) / G x n values to ranks of the node
  /// and 2 (N - 1) / N / G x n to other nodes, for N nodes of G ranks.
  void add_up(torch::Tensor values, Wire wire);

  /// What this rank sent so far.
  const LinkBytes& bytes() const { return node_->bytes(); }
  /// Seconds so far of the steps inside the node, and of those between nodes.
  double in_node_s() const { return in_node_s_; }
  double inter_node_s() const { return inter_node_s_; }

 private:
  std::shared_ptr<Group> node_, peers_;
  double in_node_s_ = 0, inter_node_s_ = 0;
};

/// Bytes that all ranks together send to other nodes to sum n values.
int64_t inter_node_bytes_of_sum(const Topology& topology, int64_t n, Wire wire);

}  // namespace xp
