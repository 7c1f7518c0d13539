// Reports kept as files, such as the tables of a paper, and whether they still agree with results.
#pragma once

#include "registry/renderer.h"

#include <filesystem>
#include <string>
#include <vector>

namespace xp {

/// The renderer that the ending of a file names: .tex, .md, .csv, .json, .html, .txt. Raises kUser
/// for another one.
std::string format_of(const std::filesystem::path& file);

/// The table without hints what to type next.
Table kept_table(Table table);

/// Each number or word of `file` that differs from `expected`, as "FILE:LINE: has '20.2', the store
/// gives '20.5'"; lines more or less are one sentence. Empty if all is equal.
std::vector<std::string> differences(const std::filesystem::path& file,
                                     const std::string& expected);

}  // namespace xp
