// Groups of directions, which columns of reports average over: "bleu@en-x".
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// The directions that a column's group means: patterns such as "en-de", "en-x" (from English) or
/// "x-en". `groups` are those of [report], each "NAME = PATTERN PATTERN"; any other group is a
/// pattern itself. Nothing if it is neither.
std::optional<std::vector<std::string>> directions_of_group(const std::string& group,
                                                            const std::vector<std::string>& groups);

/// The names of [report] groups.
std::vector<std::string> group_names(const std::vector<std::string>& groups);

/// Whether one of the patterns means this direction: "x" stands for any language.
bool is_in_group(const std::vector<std::string>& patterns, const std::string& direction);

}  // namespace xp
