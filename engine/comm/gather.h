// Numbers and text of any length from every member of a group.
#pragma once

#include "engine/comm/group.h"

#include <string>
#include <vector>

namespace xp {

/// The largest of the members' numbers. Collective.
int64_t largest_of_all(Group& group, int64_t own);

/// The text of each member, in rank order. Collective. Cost: members x the longest text.
std::vector<std::string> gather_texts(Group& group, const std::string& text);

}  // namespace xp
