// Two line-aligned text files, checked while they are read.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string_view>

namespace xp {

/// Hands every pair of lines of `source` and `target` to `sink` as `subset`. Raises kUser with file
/// and line for: an empty or missing file, different numbers of lines, CR LF line ends, NUL, what
/// is not UTF-8, and, except in "train", a blank line. A byte order mark is skipped.
void read_aligned(const std::filesystem::path& source, const std::filesystem::path& target,
                  std::string_view subset, const PairSink& sink);

/// The same for files that are published as they are: CR at the end of a line is taken off, and
/// pairs with a line that has a NUL byte or is not UTF-8 are left out and counted in `dropped`.
void read_published(const std::filesystem::path& source, const std::filesystem::path& target,
                    std::string_view subset, const PairSink& sink, const DropSink& dropped);

}  // namespace xp
