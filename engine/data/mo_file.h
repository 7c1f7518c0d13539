// GNU gettext's compiled catalogs (.mo).
// Source: the GNU gettext manual, section "The Format of GNU MO Files". Revision 0 and 1 without
// system-dependent strings; the hash table is not needed and not read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// One entry as it stands: `id` may begin with a context and "\x04"; in plural entries both texts
/// hold several forms with a NUL between.
struct MoEntry {
  std::string_view id, translation;
};

/// A catalog; its entries point into the bytes it was made from. The header entry (empty id) is
/// left out of `entries`.
struct MoCatalog {
  std::string charset;  ///< as the header names it; empty if it names none
  std::vector<MoEntry> entries;
};

/// Takes a catalog of either endianness apart. `name` is the file's, for messages. Raises kUser
/// naming the file and the offset if bytes are missing or point out of the file.
MoCatalog parse_mo(std::string_view bytes, const std::string& name);

}  // namespace xp
