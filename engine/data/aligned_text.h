// Two line-aligned text files, checked while they are read.
#pragma once

#include "registry/corpus.h"

#include <filesystem>
#include <string_view>

namespace xp {

/// Passes every pair of lines (text_lines.h) of `source` and `target` to `sink` as `subset`. Raises
/// kUser with file and line for: an empty or missing file, different numbers of lines, a NUL byte,
/// bytes that are not UTF-8, and, except in "train", a blank line.
void read_aligned(const std::filesystem::path& source, const std::filesystem::path& target,
                  std::string_view subset, const PairSink& sink);

/// The same for published files, which nobody can correct: a pair with a line that has a NUL byte
/// or is not UTF-8 is left out and counted in `dropped`, and lines may be blank.
void read_published(const std::filesystem::path& source, const std::filesystem::path& target,
                    std::string_view subset, const PairSink& sink, const DropSink& dropped);

}  // namespace xp
