// A trie in a hash table, rebuilt for every reference without clearing memory.
#include "engine/base/ngrams.h"

#include "engine/base/utf8.h"

#include <algorithm>
#include <bit>

namespace xp {
std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_python_space(next_code_point(text, at))) continue;
    if (begin > start) out.push_back(text.substr(start, begin - start));
    start = at;
  }
  if (start < text.size()) out.push_back(text.substr(start));
  return out;
}

std::vector<uint32_t> code_points(std::string_view text) {
  std::vector<uint32_t> out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();)
    out.push_back(next_code_point(text, at));
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

void NgramMatcher::begin(size_t num_symbols) {
  // At most half full, so that probes end soon.
  const size_t size = std::bit_ceil(2 * num_symbols * matches_.size() + 2);
  if (size > nodes_.size() || round_ == UINT32_MAX) {
    nodes_.assign(std::max(size, nodes_.size()), Node{});
    round_ = 0;
  }
  ++round_;
  num_nodes_ = num_references_ = 0;
}

void NgramMatcher::add(std::span<const uint32_t> reference) {
  ++num_references_;
  for (size_t start = 0; start < reference.size(); ++start) {
    uint64_t parent = 0;
    for (size_t i = start; i < std::min(start + matches_.size(), reference.size()); ++i) {
      const uint64_t key = parent << 32 | reference[i];
      Node& node = slot(key);
      if (node.round != round_) node = {key, round_, ++num_nodes_, 0, 0, 0};
      if (node.reference != num_references_) node.here = 0;
      node.reference = num_references_;
      node.left = std::max(node.left, ++node.here);
      parent = node.number;
    }
  }
}

std::span<const int64_t> NgramMatcher::matched(std::span<const uint32_t> hypothesis) {
  std::fill(matches_.begin(), matches_.end(), 0);
  for (size_t start = 0; start < hypothesis.size(); ++start) {
    uint64_t parent = 0;
    for (size_t i = start; i < std::min(start + matches_.size(), hypothesis.size()); ++i) {
      Node& node = slot(parent << 32 | hypothesis[i]);
      if (node.round != round_) break;  // no longer n-gram from here can be in a reference
      if (node.left > 0) {
        --node.left;
        ++matches_[i - start];
      }
      parent = node.number;
    }
  }
  return matches_;
}

std::span<const int64_t> NgramMatcher::match(std::span<const uint32_t> hypothesis,
                                             std::span<const uint32_t> reference) {
  begin(reference.size());
  add(reference);
  return matched(hypothesis);
}

std::span<const int64_t> NgramMatcher::match(std::span<const uint32_t> hypothesis,
                                             std::span<const std::vector<uint32_t>> references) {
  size_t size = 0;
  for (const auto& reference : references)
    size += reference.size();
  begin(size);
  for (const auto& reference : references)
    add(reference);
  return matched(hypothesis);
}

}  // namespace xp
