// Text of any length from every member of a group.
#pragma once

#include "engine/comm/group.h"

#include <string>
#include <vector>

namespace xp {

/// The text of each member, in rank order. Collective. Cost: members x the longest text.
std::vector<std::string> gather_texts(Group& group, const std::string& text);

}  // namespace xp
