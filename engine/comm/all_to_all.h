// Uneven all-to-all with gradient, in two halves: rows are sent off, other work is done, rows are
// received. The backward pass overlaps in the same way: what is received last goes out first.
//
// Shapes: N rows here, M rows that arrive, D width. Member m gets sent[m] rows from here and
// taken[m] rows come from it; rows keep their order within a sender. Collective: every member sends
// and receives, forward and backward, in the same order, also with no rows. Cost: N x D values on
// the links, and as much again in the backward pass.
#pragma once

#include "engine/comm/group.h"

#include <torch/types.h>

#include <memory>
#include <vector>

namespace xp {

/// What exchanges sent from this rank and how long they took, forward and backward, added up.
struct Traffic {
  LinkBytes bytes;
  double exchange_s = 0;  ///< from sending off to the last row's arrival
  double exposed_s = 0;   ///< spent waiting for rows, nothing else to do
};

struct Journey;

/// Rows on their way to another rank.
struct InFlight {
  torch::Tensor rows_MD;  ///< not to be read before receive_rows
  std::shared_ptr<Journey> journey;
};

/// Sends the rows off and returns at once. `traffic` may be null; it and `group` must outlive the
/// backward pass.
InFlight send_rows(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                   std::vector<int64_t> taken, Group& group, Traffic* traffic);

/// Waits for the rows: [M, D].
torch::Tensor receive_rows(InFlight rows);

/// Both halves in one.
torch::Tensor all_to_all(const torch::Tensor& rows_ND, std::vector<int64_t> sent,
                         std::vector<int64_t> taken, Group& group, Traffic* traffic = nullptr);

}  // namespace xp
