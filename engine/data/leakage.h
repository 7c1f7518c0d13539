// Keys of sentences, to keep held-out and repeated sentences out of the training text.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace xp {

/// A 64-bit key of a sentence that is the same for sentences which differ only in case (Latin),
/// digits, spaces and punctuation of ASCII; of the text as it is if nothing else is in it.
uint64_t text_key(std::string_view text);

/// A set of sentences by their keys. Only membership is ever asked, so the set's order is unseen.
class HeldOut {
 public:
  void add(std::string_view text) { keys_.insert(text_key(text)); }
  bool contains(std::string_view text) const { return keys_.contains(text_key(text)); }

 private:
  std::unordered_set<uint64_t> keys_;
};

/// A 64-bit key of a pair: of exactly its text.
uint64_t pair_key(std::string_view source, std::string_view target);

/// Clears `is_kept` for all but the first pair of each key, and returns for how many. `keys` is a
/// file of 8 bytes each. Reads it as often as needed to use no more than `memory_bytes`.
int64_t drop_repeated(const fs::path& keys, std::vector<bool>& is_kept,
                      size_t memory_bytes = size_t{512} << 20);

/// Finds repeated pairs of exactly equal text.
class SeenPairs {
 public:
  /// Whether the pair is new; it is seen from now on.
  bool add(std::string_view source, std::string_view target);

 private:
  std::unordered_set<uint64_t> keys_;
};

}  // namespace xp
