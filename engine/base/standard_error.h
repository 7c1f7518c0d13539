// Standard error as a place for words that may get lost.
#pragma once

namespace xp {

/// From now on, words that standard error does not take (its file is on a full disk) are lost
/// instead of raising from fmt::print: a run must not end of its own log. For main().
void forgive_standard_error();

}  // namespace xp
