// Checks the sections' tables against what the picked components declare.
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

/// Unknown and undeclared keys, wrong types and limits, unknown and missing components. The paths
/// of the settings, or of whole tables, that are wrong or that an unknown key may have meant.
std::set<std::string> check_settings(const SettingsCheck& in, Problems& problems);

/// Adds a problem where `value` cannot be the setting at `path`, known to `schema`; whether it can.
bool check_value(const Catalog& catalog, const Schema& schema, const std::string& path,
                 const Value& value, const Place& place, Problems& problems);

}  // namespace xp
