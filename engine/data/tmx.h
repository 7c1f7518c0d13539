// Translation memories in the exchange format TMX, read in pieces.
// Source: LISA 2005, "TMX 1.4b Specification".
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace xp {

/// Hands over the text of every translation unit (<tu>) that has both languages, in the order of
/// the file; of several variants of a language the first counts. "en" also takes "EN-us". White
/// space of any kind becomes one space; codes of other formats inside of a segment (<bpt>, <ept>,
/// <it>, <ph>, <sub>, <ut>) are left out, marked text (<hi>) stays. Raises kUser with file and line
/// where it is no well-formed TMX.
void read_tmx(const std::filesystem::path& file, const std::string& source,
              const std::string& target,
              const std::function<void(std::string_view, std::string_view)>& take);

}  // namespace xp
