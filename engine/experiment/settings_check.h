// Checks the settings of an experiment file against the declarations of the picked components.
#pragma once

#include "engine/experiment/source.h"

#include <set>
#include <string>

namespace xp {

struct SettingsCheck {
  const Catalog& catalog;
  const Schema& everything;  ///< of all components
  const Schema& picked;      ///< of those that `use` takes somewhere in the sweep
  const Source& source;
  const std::set<std::string>& swept;  ///< full paths of the axes
};

/// Adds problems for unknown and undeclared keys, wrong types and limits, unknown and missing
/// components. Returns the paths of settings, or of whole tables, that have problems or that an
/// unknown key may have meant.
std::set<std::string> check_settings(const SettingsCheck& in, Problems& problems);

/// Whether `value` can be the setting at `path`, which `schema` must have; adds a problem if not.
bool check_value(const Catalog& catalog, const Schema& schema, const std::string& path,
                 const Value& value, const Place& place, Problems& problems);

}  // namespace xp
