// Sections are resolved again, as those of a point are.
#include "engine/plan/variant.h"

#include "engine/base/error.h"
#include "engine/experiment/resolve.h"

#include <algorithm>
#include <map>

namespace xp {

Variant Variants::of(const Value& settings, const Changes& changes) {
  std::map<std::string, Section> sections;
  for (const char* name : kPointSections) {
    Section& section = sections[name];  // empty: a training has no [eval]
    if (!settings.contains(name)) continue;
    Value table = settings.at(name);
    const std::string prefix = std::string(name) + ".";
    for (const auto& [path, value] : changes)
      if (path.starts_with(prefix)) set_path(table, path.substr(prefix.size()), value);
    section = resolve_section(catalog_, name, table, Value());
  }
  Variant out{Settings(sections), nullptr};
  for (const auto& [path, value] : changes) {
    if (out.settings.find(path) == nullptr)
      user_error("'{}' is no setting of the components that are picked", path);
  }
  kept_.push_back(out.settings);
  out.assessment = assessor_.assess(out.settings);
  return out;
}

}  // namespace xp
