// A trie in a hash table, rebuilt for every reference without clearing memory.
#include "engine/base/ngrams.h"

#include <algorithm>
#include <bit>

namespace xp {
namespace {

struct Decoded {
  uint32_t point = 0;
  size_t length = 1;
};

// The code point at `at`; over-long forms, surrogates and cut sequences count as single bytes.
Decoded decode(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  const Decoded broken{0x110000 + first, 1};
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return broken;
  uint32_t point = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return broken;
    point = (point << 6) | (byte(at + i) & 0x3Fu);
  }
  const uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < least || point > 0x10FFFF || surrogate ? broken : Decoded{point, length};
}

bool is_space(uint32_t p) {
  if (p < 0x80) return p == ' ' || (p >= 0x09 && p <= 0x0D) || (p >= 0x1C && p <= 0x1F);
  return p == 0x85 || p == 0xA0 || p == 0x1680 || (p >= 0x2000 && p <= 0x200A) || p == 0x2028 ||
         p == 0x2029 || p == 0x202F || p == 0x205F || p == 0x3000;
}

}  // namespace

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    const Decoded decoded = decode(text, i);
    if (is_space(decoded.point)) {
      if (i > start) out.push_back(text.substr(start, i - start));
      start = i + decoded.length;
    }
    i += decoded.length;
  }
  if (start < text.size()) out.push_back(text.substr(start));
  return out;
}

std::vector<uint32_t> code_points(std::string_view text) {
  std::vector<uint32_t> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Decoded decoded = decode(text, i);
    out.push_back(decoded.point);
    i += decoded.length;
  }
  return out;
}

std::vector<uint32_t> WordNumbers::operator()(std::span<const std::string_view> words) {
  std::vector<uint32_t> out;
  out.reserve(words.size());
  for (const std::string_view word : words)
    out.push_back(numbers_.emplace(word, static_cast<uint32_t>(numbers_.size())).first->second);
  return out;
}

NgramMatcher::Node& NgramMatcher::slot(uint64_t key) {
  const size_t mask = nodes_.size() - 1;
  // The multiplier is 2^64 / golden ratio: neighbouring keys land far apart.
  size_t at = static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
  while (nodes_[at].round == round_ && nodes_[at].key != key)
    at = (at + 1) & mask;
  return nodes_[at];
}

void NgramMatcher::grow(size_t nodes) {
  const size_t size = std::bit_ceil(2 * nodes + 2);  // at most half full, so that probes end soon
  if (size <= nodes_.size() && round_ != UINT32_MAX) return;
  nodes_.assign(std::max(size, nodes_.size()), Node{});
  round_ = 0;
}

std::span<const int64_t> NgramMatcher::match(std::span<const uint32_t> hypothesis,
                                             std::span<const uint32_t> reference) {
  const size_t max_order = matches_.size();
  grow(reference.size() * max_order);
  ++round_;
  std::fill(matches_.begin(), matches_.end(), 0);

  uint32_t last = 0;
  for (size_t start = 0; start < reference.size(); ++start) {
    uint64_t parent = 0;
    for (size_t i = start; i < std::min(start + max_order, reference.size()); ++i) {
      Node& node = slot(parent << 32 | reference[i]);
      if (node.round != round_) node = {parent << 32 | reference[i], round_, ++last, 0};
      ++node.left;
      parent = node.number;
    }
  }
  for (size_t start = 0; start < hypothesis.size(); ++start) {
    uint64_t parent = 0;
    for (size_t i = start; i < std::min(start + max_order, hypothesis.size()); ++i) {
      Node& node = slot(parent << 32 | hypothesis[i]);
      if (node.round != round_) break;  // no longer n-gram from here can be in the reference
      if (node.left > 0) {
        --node.left;
        ++matches_[i - start];
      }
      parent = node.number;
    }
  }
  return matches_;
}

}  // namespace xp
