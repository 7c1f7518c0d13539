// Which evaluations of a training have already translated with the same settings, so that one that
// differs in its metrics scores those translations instead of decoding again.
//
//   trainings/ID/decodings/KEY   a line for each of those evaluations, the latest last: its id, and
//                                when it had decoded all, in seconds since 1970
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Equal for evaluations that decode alike. `settings`, those of an evaluation, may differ in the
/// metrics, in the subsets, and in what no id depends on.
std::string decoding_key(const Value& settings);

/// Remembers an evaluation that has written all its translations, whether it can score them or not.
/// Best effort: without it the next one decodes.
void note_decoding(const fs::path& training, const std::string& key, const std::string& evaluation,
                   double time_s);

/// The folders of the evaluations that have decoded since the training ended last, the latest
/// first; none whatever else is the case.
std::vector<fs::path> noted_decodings(const fs::path& training, const std::string& key);

/// The lines of a file of translations; nothing if it is missing, cut off, or does not have `count`
/// of them.
std::optional<std::vector<std::string>> read_translations(const fs::path& file, size_t count);

}  // namespace xp
