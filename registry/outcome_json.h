// Outcomes in JSON records: by their names. A name of a newer xp counts as "lost".
#pragma once

#include "registry/outcome.h"

#include <nlohmann/json.hpp>

#include <string>

namespace xp {

inline void to_json(nlohmann::json& value, Outcome outcome) {
  value = outcome_name(outcome);
}
inline void from_json(const nlohmann::json& value, Outcome& outcome) {
  outcome = outcome_from(value.get<std::string>()).value_or(Outcome::kLost);
}

}  // namespace xp
