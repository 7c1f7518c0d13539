// Comma-separated values. Source: RFC 4180.
#pragma once

#include <string>

namespace xp {

/// `text` as one field: quoted, with its quotes doubled, if it has a comma, a quote or a line end.
std::string csv_field(const std::string& text);

}  // namespace xp
