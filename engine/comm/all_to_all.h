// Uneven all-to-all with gradient, in two halves: the exchange starts, other work is done, the rows
// are received. The backward pass overlaps in the same way: what is received last starts first.
//
// Shapes: N rows here, M rows that arrive, D width. Member m gets sent[m] rows from here and
// taken[m] rows come from it; rows keep their order within a sender. Collective: every member sends
// and receives, forward and backward, in the same order, also with no rows. Cost: N x D values on
// the links, and as much again in the backward pass.
#pragma once

#include "engine/comm/group.h"
#include "engine/comm/wire.h"

#include <torch/types.h>

#include <array>
#include <memory>
#include <vector>

namespace xp {

/// Seconds on a clock that never goes back.
double steady_s();

/// Time of exchanges over one class of links, added up.
struct LinkTime {
  double busy_s = 0;     ///< from starts to the arrival of the last row; overlaps count once
  double exposed_s = 0;  ///< of it, the rank did nothing but wait
  /// An exchange that lasted `from_s` to `until_s` of `steady_s`.
  void add(double from_s, double until_s);

 private:
  double past_s_ = 0;  // until when it is counted
};

/// What exchanges sent from this rank and how long they took, forward and backward, added up.
struct Traffic {
  LinkBytes bytes;
  LinkTime in_node, inter_node;  ///< of groups inside a node, and of groups of several nodes
  /// By turn (engine/base/turns.h): it waited, or the other work computed.
  std::array<double, 2> idle_s{};
  LinkTime& of(const Group& group) { return spans_nodes(group) ? inter_node : in_node; }
  double exposed_s() const { return in_node.exposed_s + inter_node.exposed_s; }
  /// Work of turn `turn` did nothing but wait for `group` for so long.
  void add_exposed(const Group& group, size_t turn, double seconds) {
    of(group).exposed_s += seconds;
    idle_s[turn] += seconds;
  }
};

struct InFlightExchange;

/// An all-to-all that has started.
struct RowsInFlight {
  torch::Tensor rows_MD;  ///< not to be read before receive_rows
  std::shared_ptr<InFlightExchange> exchange;
};

/// Starts to send the rows and returns at once. `traffic` may be null; it and `group` must outlive
/// the backward pass. Rows and their gradients travel in the format of `wire`; sender and receiver
/// have them in the type of `rows_ND`.
RowsInFlight send_rows(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                       std::vector<int64_t> taken, Group& group, Traffic* traffic,
                       Wire wire = Wire::kExact);

/// Of works that take turns (engine/base/turns.h): lets the other one go on while these rows cross
/// nodes, here and in the backward pass. To be followed by `receive_rows` of the same.
void give_turn_for(RowsInFlight& rows);

/// Waits for the rows: [M, D].
torch::Tensor receive_rows(RowsInFlight rows);

}  // namespace xp
