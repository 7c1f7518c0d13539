// Parses names of directions.
#include "registry/corpus.h"

#include "engine/base/text.h"

#include <algorithm>
#include <cctype>

namespace xp {
namespace {

bool is_code(const std::string& code) {
  return !code.empty() && std::all_of(code.begin(), code.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '@';
  });
}

}  // namespace

Direction parse_direction(const std::string& text) {
  const auto parts = split(text, '-');
  if (parts.size() != 2 || !is_code(parts[0]) || !is_code(parts[1])) {
    user_error("'{}' in 'pairs' is not a direction; write two language codes as in \"en-fr\"",
               text);
  }
  if (parts[0] == parts[1]) {
    user_error("'{}' in 'pairs' translates a language to itself; name two", text);
  }
  return {parts[0], parts[1]};
}

std::vector<Direction> named_directions(std::string_view corpus,
                                        const std::vector<std::string>& pairs) {
  std::vector<Direction> out;
  for (const auto& pair : pairs) {
    if (pair == "all")
      user_error("corpus '{}' does not know its directions; name them: pairs = [\"en-fr\"]",
                 corpus);
    out.push_back(parse_direction(pair));
  }
  return out;
}

}  // namespace xp
