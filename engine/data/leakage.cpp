// Keys of sentences.
#include "engine/data/leakage.h"

namespace xp {
namespace {

constexpr uint64_t kStart = 0xCBF29CE484222325u;

uint64_t mixed(uint64_t sum, unsigned char byte) {
  return (sum ^ byte) * 0x100000001B3u;
}

// FNV-1a alone leaves the high bits of short texts alike.
uint64_t finished(uint64_t sum) {
  sum = (sum ^ (sum >> 33)) * 0xFF51AFD7ED558CCDu;
  sum = (sum ^ (sum >> 33)) * 0xC4CEB9FE1A85EC53u;
  return sum ^ (sum >> 33);
}

uint64_t plain_key(uint64_t sum, std::string_view text) {
  for (const char c : text)
    sum = mixed(sum, static_cast<unsigned char>(c));
  return sum;
}

}  // namespace

uint64_t text_key(std::string_view text) {
  uint64_t sum = kStart;
  bool has_letter = false;
  unsigned char before = 0;
  for (const char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= '0' && byte <= '9') byte = '0';
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<unsigned char>(byte + 32);
    // U+00C0 .. U+00DE but the multiplication sign: capital letters of Latin-1.
    if (before == 0xC3 && byte >= 0x80 && byte <= 0x9E && byte != 0x97) {
      byte = static_cast<unsigned char>(byte + 32);
    }
    before = static_cast<unsigned char>(c);
    const bool is_letter = byte >= 0x80 || (byte >= 'a' && byte <= 'z');
    has_letter = has_letter || is_letter;
    if (is_letter || byte == '0') sum = mixed(sum, byte);
  }
  return finished(has_letter ? sum : plain_key(kStart, text));
}

bool SeenPairs::add(std::string_view source, std::string_view target) {
  const uint64_t sum = plain_key(mixed(plain_key(kStart, source), 0), target);
  return keys_.insert(finished(sum)).second;
}

}  // namespace xp
