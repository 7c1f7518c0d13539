// Hashes of normalized sentences.
#include "engine/data/leakage.h"

#include "engine/base/error.h"

#include <algorithm>
#include <bit>
#include <cstring>

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

uint64_t pair_key(std::string_view source, std::string_view target) {
  return finished(plain_key(mixed(plain_key(kStart, source), 0), target));
}

int64_t drop_repeated(const fs::path& keys, std::vector<bool>& is_kept, size_t memory_bytes) {
  if (is_kept.empty()) return 0;
  const MappedFile file(keys);
  check(file.bytes().size() == 8 * is_kept.size(), "every pair has a key");
  // Each pass takes the keys of one residue, at most half as many as there are slots.
  const size_t num_slots = std::min(std::bit_ceil(2 * is_kept.size() + 1),
                                    std::bit_floor(std::max<size_t>(memory_bytes, 64) / 8));
  const uint64_t num_passes = (2 * is_kept.size() + num_slots - 1) / num_slots;
  // Residues are of unequal size by chance; a full table would never end.
  const size_t most = num_slots - num_slots / 8;
  int64_t dropped = 0;
  std::vector<uint64_t> slots;
  for (uint64_t pass = 0; pass < num_passes; ++pass) {
    slots.assign(num_slots, 0);
    size_t used = 0;
    for (size_t i = 0; i < is_kept.size(); ++i) {
      uint64_t key = 0;
      std::memcpy(&key, file.bytes().data() + 8 * i, 8);
      if (!is_kept[i] || key % num_passes != pass) continue;
      key = std::max<uint64_t>(key, 1);  // 0 marks a free slot
      size_t slot = (key / num_passes) & (num_slots - 1);
      while (slots[slot] != 0 && slots[slot] != key)
        slot = (slot + 1) & (num_slots - 1);
      if (slots[slot] == key) {
        is_kept[i] = false;
        ++dropped;
      } else {
        slots[slot] = key;
        check(++used <= most, "keys spread evenly");
      }
    }
  }
  return dropped;
}

bool SeenPairs::add(std::string_view source, std::string_view target) {
  return keys_.insert(pair_key(source, target)).second;
}

}  // namespace xp
