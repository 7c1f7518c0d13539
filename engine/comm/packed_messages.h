// Transfers and row exchanges of a group whose values are packed where they cross nodes
// (packing.h). Both ends know from the number of values whether a message is packed; how long it is
// depends on them.
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

}  // namespace xp
