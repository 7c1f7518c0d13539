// Tails of dotted paths.
#include "engine/base/key_tail.h"

#include "engine/base/value.h"

#include <algorithm>

namespace xp {
namespace {

std::string_view without_use(std::string_view path) {
  constexpr std::string_view kUse = ".use";
  return path.ends_with(kUse) ? path.substr(0, path.size() - kUse.size()) : path;
}

bool ends_in(std::string_view path, std::string_view tail) {
  if (path == tail) return true;
  return path.size() > tail.size() && path.ends_with(tail) &&
         path[path.size() - tail.size() - 1] == '.';
}

}  // namespace

bool has_tail(std::string_view path, std::string_view tail) {
  return ends_in(path, tail) || ends_in(without_use(path), tail);
}

std::string short_name(const std::string& path, const std::vector<std::string>& among) {
  const std::string whole(without_use(path));
  const auto parts = path_parts(whole);
  std::string tail;
  for (size_t i = parts.size(); i-- > 0;) {
    tail = tail.empty() ? parts[i] : parts[i] + "." + tail;
    const auto same = std::count_if(among.begin(), among.end(), [&](const std::string& other) {
      return other != path && has_tail(other, tail);
    });
    if (same == 0) return tail;
  }
  return whole;
}

}  // namespace xp
