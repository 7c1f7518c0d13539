// Reads .mo files with every offset checked.
#include "engine/data/mo_file.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

#include <bit>
#include <cstring>

namespace xp {
namespace {

constexpr uint32_t kMoMagic = 0x950412DEu, kSwappedMagic = 0xDE120495u;

uint32_t swapped(uint32_t word) {
  return (word >> 24) | ((word >> 8) & 0xFF00u) | ((word << 8) & 0xFF0000u) | (word << 24);
}

struct Bytes {
  std::string_view all;
  const std::string& name;
  bool is_swapped = false;

  [[noreturn]] void malformed(uint64_t offset, std::string_view what) const {
    user_error("catalog '{}' is malformed at byte {}: {}; replace or remove it", name, offset,
               what);
  }

  uint32_t word(uint64_t offset) const {
    if (offset + 4 > all.size()) malformed(offset, "the file ends here");
    uint32_t value = 0;
    std::memcpy(&value, all.data() + offset, 4);
    return is_swapped ? swapped(value) : value;
  }

  // Descriptor `offset` is a length and a place; a NUL must follow the text.
  std::string_view text(uint64_t offset) const {
    const uint64_t length = word(offset), place = word(offset + 4);
    if (place + length >= all.size()) malformed(offset, "a text lies outside the file");
    if (all[place + length] != '\0') malformed(place + length, "a text has no NUL after it");
    return all.substr(place, length);
  }
};

std::string charset_of(std::string_view header) {
  constexpr std::string_view kKey = "charset=";
  const size_t at = header.find(kKey);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = header.substr(at + kKey.size());
  return std::string(rest.substr(0, rest.find_first_of(" \t\r\n;")));
}

}  // namespace

MoCatalog parse_mo(std::string_view bytes, const std::string& name) {
  static_assert(std::endian::native == std::endian::little);
  Bytes in{bytes, name};
  const uint32_t magic = in.word(0);
  if (magic != kMoMagic && magic != kSwappedMagic) in.malformed(0, "this is not a .mo file");
  in.is_swapped = magic == kSwappedMagic;
  if (in.word(4) >> 16 > 1) in.malformed(4, "its revision is newer than 1");
  const uint64_t count = in.word(8), ids = in.word(12), translations = in.word(16);
  for (const uint64_t table : {ids, translations}) {
    if (table + count * 8 > bytes.size()) in.malformed(12, "a table lies outside the file");
  }
  MoCatalog out;
  out.entries.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const MoEntry entry{in.text(ids + i * 8), in.text(translations + i * 8)};
    if (entry.id.empty()) {
      out.charset = charset_of(entry.translation);
    } else {
      out.entries.push_back(entry);
    }
  }
  return out;
}

}  // namespace xp
