// Parses groups and compares their patterns.
#include "registry/direction_groups.h"

#include "engine/base/text.h"

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kAny = "x";

std::string name_of(const std::string& group) {
  return std::string(trim(group.substr(0, group.find('='))));
}

bool matches(const std::string& pattern, const std::string& direction) {
  const auto asked = split(pattern, '-'), given = split(direction, '-');
  if (asked.size() != 2 || given.size() != 2) return false;
  return (asked[0] == kAny || asked[0] == given[0]) && (asked[1] == kAny || asked[1] == given[1]);
}

}  // namespace

std::vector<std::string> group_names(const std::vector<std::string>& groups) {
  std::vector<std::string> out;
  for (const auto& group : groups)
    out.push_back(name_of(group));
  return out;
}

std::optional<std::vector<std::string>> directions_of_group(
    const std::string& group, const std::vector<std::string>& groups) {
  for (const auto& one : groups) {
    if (name_of(one) != group) continue;
    std::vector<std::string> out;
    for (const auto& word : split(one.substr(one.find('=') + 1), ' '))
      if (!trim(word).empty()) out.emplace_back(trim(word));
    return out;
  }
  const auto sides = split(group, '-');
  const bool is_pattern = sides.size() == 2 && !sides[0].empty() && !sides[1].empty();
  return is_pattern ? std::optional(std::vector{group}) : std::nullopt;
}

bool is_in_group(const std::vector<std::string>& patterns, const std::string& direction) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches(pattern, direction); });
}

}  // namespace xp
