// What main() does about standard input, output and error before anything else.
#pragma once

namespace xp {

/// Opens /dev/null for each of the descriptors 0 to 2 that the caller closed (cron, daemons).
/// Otherwise the next file that is opened takes its number, and messages are written into it.
void open_standard_descriptors();

/// Makes standard error best-effort: what it does not take (its file is on a full disk) is dropped,
/// whereas fmt::print would raise. A run must not end because of its log.
void tolerate_full_standard_error();

}  // namespace xp
