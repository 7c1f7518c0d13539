// N-grams that two sequences share, counted exactly: the core of BLEU and chrF.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xp {

/// Splits at white space as Unicode and Python define it (no-break spaces and the separators of
/// U+2000 and up included); no part is empty. The parts point into `text`.
std::vector<std::string_view> words(std::string_view text);

/// Code points; a byte that is not part of UTF-8 becomes kBrokenByte (utf8.h) + the byte.
std::vector<uint32_t> code_points(std::string_view text);

/// Gives equal words equal numbers, until `clear`.
class WordNumbers {
 public:
  std::vector<uint32_t> operator()(std::span<const std::string_view> words);
  void clear() { numbers_.clear(); }

 private:
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

/// Counts shared n-grams of every order in one pass. Holds its memory between calls; not for
/// several threads.
class NgramMatcher {
 public:
  explicit NgramMatcher(size_t max_order) : matches_(max_order) {}

  /// For n = 1 .. max_order at [n - 1]: how many n-grams of `hypothesis` are in `reference`, each
  /// counted at most as often as it is there. Exact: n-grams are compared, not their hashes.
  /// Cost: time proportional to (both lengths) x max_order. Valid until the next call.
  std::span<const int64_t> match(std::span<const uint32_t> hypothesis,
                                 std::span<const uint32_t> reference);

  /// The same with several references: an n-gram counts at most as often as it is in the one that
  /// has it most often.
  std::span<const int64_t> match(std::span<const uint32_t> hypothesis,
                                 std::span<const std::vector<uint32_t>> references);

 private:
  /// A node of the reference's trie, found by its parent and symbol.
  struct Node {
    uint64_t key = 0;    ///< parent's number << 32 | symbol
    uint32_t round = 0;  ///< the call that wrote it; of another call: free
    uint32_t number = 0;
    uint32_t reference = 0;  ///< the last one that it is in, from 1
    uint32_t here = 0;       ///< how often it is in that
    uint32_t left = 0;       ///< occurrences not matched yet
  };
  Node& slot(uint64_t key);
  void begin(size_t num_symbols);
  void add(std::span<const uint32_t> reference);
  std::span<const int64_t> matched(std::span<const uint32_t> hypothesis);

  std::vector<int64_t> matches_;
  std::vector<Node> nodes_;  ///< open addressing, a power of two
  uint32_t round_ = 0, num_nodes_ = 0, num_references_ = 0;
};

}  // namespace xp
