// Uneven all-to-all with gradient: member m gets sent[m] rows from here and taken[m] rows come from
// it.
//
// Shapes: N rows here, M rows that arrive, D width. Rows keep their order within a sender.
// Collective: every member calls forward, and backward, in the same order, also with no rows.
// Cost: N x D x bytes on the links, and as much again in the backward pass.
#pragma once

#include "engine/comm/group.h"

#include <torch/types.h>

#include <vector>

namespace xp {

/// rows_ND -> rows_MD. The gradient takes the same links in the other direction.
torch::Tensor all_to_all(const torch::Tensor& rows_ND, const std::vector<int64_t>& sent,
                         const std::vector<int64_t>& taken, Group& group);

}  // namespace xp
