// Translation memories in the exchange format TMX.
// Source: LISA 2005, "TMX 1.4b Specification".
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace xp {

/// What a file holds: the pairs that were read, and what was left out.
struct TmxContent {
  int64_t num_pairs = 0;
  std::map<std::string, int64_t> dropped;    ///< reason -> translation units, or variants of them
  std::map<std::string, int64_t> languages;  ///< as the file names them -> variants; 100 at most
};

/// Passes the text of every translation unit (<tu>) that has both languages to `take`, in the order
/// of the file. A language takes variants (<tuv>) of its own name before longer ones: "pt" takes
/// "pt-BR" unless a unit has "pt", or the other side is "pt_BR". Case and "_" for "-" do not
/// matter. Of several variants the first one counts.
///
/// White space of any kind becomes one space. Codes of other formats inside a segment (<bpt>,
/// <ept>, <it>, <ph>, <ut>, and the <sub> in them) are not text; what any other element holds is.
/// Counted as dropped: units that lack a side, units with an entity that no DTD declares (its text
/// is unknown), and variants beyond the first.
///
/// Encodings: those of ICU, by the XML declaration. Memory does not grow with the file. Raises
/// kUser with file and line if the file is not well-formed TMX.
TmxContent read_tmx(const std::filesystem::path& file, const std::string& source,
                    const std::string& target,
                    const std::function<void(std::string_view, std::string_view)>& take);

}  // namespace xp
