// Rows of the members of a group, one member's after the other's in one tensor: counts[m] of member
// m.
#pragma once

#include "engine/comm/group.h"

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace xp {

/// An uninitialised tensor for so many rows like those of `like`.
torch::Tensor empty_rows(const torch::Tensor& like, const std::vector<int64_t>& counts);

/// Those of `member`, a view.
torch::Tensor rows_of(const torch::Tensor& rows, const std::vector<int64_t>& counts,
                      int64_t member);

/// Those of all members but `own`, views.
std::vector<Transfer> rows_of_others(const torch::Tensor& rows, const std::vector<int64_t>& counts,
                                     int64_t own);

}  // namespace xp
