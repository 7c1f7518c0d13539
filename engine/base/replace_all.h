// Replacement of every occurrence of a text in another one.
#pragma once

#include <string>
#include <string_view>

namespace xp {

/// Replaces every `from`, which is not empty, from the left and without overlap. What is put in is
/// not looked at again.
inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

}  // namespace xp
