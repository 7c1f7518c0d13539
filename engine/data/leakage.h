// What is held out for evaluation, so that training text can be kept apart from it.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace xp {

/// A 64-bit key of a sentence that is the same for sentences which differ only in case (Latin),
/// digits, spaces and punctuation of ASCII; of the text as it is where nothing else is in it.
uint64_t text_key(std::string_view text);

/// A set of sentences by their keys. Only membership is ever asked, so the set's order is unseen.
class HeldOut {
 public:
  void add(std::string_view text) { keys_.insert(text_key(text)); }
  bool contains(std::string_view text) const { return keys_.contains(text_key(text)); }

 private:
  std::unordered_set<uint64_t> keys_;
};

/// Finds repeated pairs of exactly equal text.
class SeenPairs {
 public:
  /// Whether the pair is new; it is seen from now on.
  bool add(std::string_view source, std::string_view target);

 private:
  std::unordered_set<uint64_t> keys_;
};

}  // namespace xp
