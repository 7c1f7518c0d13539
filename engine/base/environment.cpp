// The only walk through environ.
#include "engine/base/environment.h"

#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace xp {

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Environment own_environment() {
  Environment out;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    // Of two with one name the first counts, as for getenv(3).
    if (equals != text.npos)
      out.try_emplace(std::string(text.substr(0, equals)), text.substr(equals + 1));
  }
  return out;
}

std::vector<std::string> environment_entries(const Environment& environment) {
  std::vector<std::string> out;
  out.reserve(environment.size());
  for (const auto& [name, value] : environment)
    out.push_back(name + "=" + value);
  return out;
}

}  // namespace xp
