// Values as JSON: the one place that writes it, whatever bytes its strings have. Ids are made of
// canonical_text (value.h).
#pragma once

#include "engine/base/value.h"

#include <string>

namespace xp {

/// The value as JSON, on one line or indented by so many spaces. Bytes that are not UTF-8, as file
/// names and the output of programs may have, become U+FFFD. Everything that is written or printed
/// goes through here.
std::string json_text(const Value& value, int indent = -1);

}  // namespace xp
