// Which nodes of a job have a slower link than the others.
#pragma once

#include <cstddef>
#include <vector>

namespace xp {

/// `seconds`: how long each node took to exchange the same rows with another one, at best. Those
/// that took more than four times the median, which a loaded network does not explain; none of
/// fewer than three, because either of two may be the slow one.
std::vector<size_t> slow_nodes(const std::vector<double>& seconds);

}  // namespace xp
