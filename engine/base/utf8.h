// The one decoder of UTF-8, and the character classes that need it; ICU's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace xp {

/// What a byte that is not part of UTF-8 decodes to: this + the byte. Beyond every character.
inline constexpr uint32_t kBrokenByte = 0x110000;

/// The code point at `at`, which moves to the next one. Over-long forms, surrogates and sequences
/// cut short are single bytes.
inline uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const size_t begin = at;
  UChar32 point = 0;
  U8_NEXT(bytes, at, text.size(), point);
  if (point >= 0) return static_cast<uint32_t>(point);
  at = begin + 1;
  return kBrokenByte + bytes[begin];
}

/// White space as Python's str.split takes it: Unicode's, and U+001C to U+001F.
inline bool is_python_space(uint32_t point) {
  if (point < 0x80)
    return point == ' ' || (point >= 9 && point <= 13) || (point >= 28 && point <= 31);
  return point < kBrokenByte && u_isUWhiteSpace(static_cast<UChar32>(point)) != 0;
}

}  // namespace xp
