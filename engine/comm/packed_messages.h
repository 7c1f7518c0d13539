// Transfers and row exchanges of a group whose values are packed where they cross nodes
// (packing.h). Both ends of a message know from its number of values whether it is packed and how
// long it is.
#pragma once

#include "engine/comm/group.h"

namespace xp {

/// As Group::transfer; packed if the group packs and its members are in different nodes.
void transfer_values(Group& group, const std::vector<Transfer>& sent,
                     const std::vector<Transfer>& taken);

/// As Group::start_all_to_all; rows for members in other nodes are packed if the group packs.
std::unique_ptr<PendingRows> start_rows(Group& group, const torch::Tensor& rows,
                                        const std::vector<int64_t>& sent,
                                        const std::vector<int64_t>& taken);

/// Bytes of n values of a type between two members in different nodes.
int64_t message_bytes(int64_t n, torch::ScalarType type, bool packs);

}  // namespace xp
