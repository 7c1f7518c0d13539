// Words as a POSIX shell reads them.
#pragma once

#include <string>

namespace xp {

/// The word in single quotes, whatever is in it.
std::string shell_quoted(const std::string& word);

/// The word as a person would type it: quoted only if it must be.
std::string shell_word(const std::string& word);

}  // namespace xp
