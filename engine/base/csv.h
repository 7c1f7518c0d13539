// Comma-separated values. Source: RFC 4180.
#pragma once

#include <string>

namespace xp {

/// `text` as one field: in quotes, its own doubled, where a comma, quote or line end is in it.
std::string csv_field(const std::string& text);

}  // namespace xp
