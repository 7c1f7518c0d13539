// Kind `corpus`: a source of sentence pairs.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// One direction of translation, by language codes.
struct Direction {
  std::string source, target;
  std::string name() const { return source + "-" + target; }
  bool operator==(const Direction&) const = default;
};

/// "en-fr" -> {"en", "fr"}. Raises kUser if it is not two codes joined by one hyphen.
Direction parse_direction(const std::string& text);

/// What `pairs` names, for a corpus that does not know which directions it has: "all" raises kUser.
std::vector<Direction> named_directions(std::string_view corpus,
                                        const std::vector<std::string>& pairs);

/// Pieces by which the classes of sentence lengths in a prepared corpus's stats.json differ.
constexpr size_t kLengthClass = 10;

/// Where a corpus may look and write, the same for every corpus.
struct CorpusPlace {
  std::filesystem::path mirror;     ///< XP_MIRROR or --mirror; empty = none
  std::filesystem::path downloads;  ///< the workspace's folder for fetched and unpacked files
  std::filesystem::path lock;  ///< the workspace's corpora/LOCK.toml: what upstream does not pin
  std::filesystem::path spec_folder;  ///< relative paths in the spec start here
  bool may_fetch = false;             ///< false: look only at what is here (planning)
};

/// The contents that a corpus reads, for its id, or what is missing.
struct CorpusInputs {
  Value identity;       ///< contents without paths: SHA-256 of local files and of downloads, pinned
                        ///< versions
  bool known = true;    ///< false: it takes a fetch to know the identity (the id is shown as `?`)
  std::string missing;  ///< not empty: a local input is missing; names the file and what to do (the
                        ///< point is blocked)
};

/// Pieces in the dictionaries that a corpus brings. Nothing: not known before the fetch.
struct DictionarySizes {
  std::optional<int64_t> source, target;
};

/// Receives one pair. `subset` is "train", "valid", "test" or a further name that [eval] subsets
/// may use.
using PairSink =
    std::function<void(std::string_view subset, std::string_view source, std::string_view target)>;

/// Receives how many pairs of a subset the corpus itself left out, and why: ("train",
/// "placeholders", 20). Amounts of one reason add up.
using DropSink =
    std::function<void(std::string_view subset, std::string_view reason, int64_t count)>;

struct Corpus {
  static constexpr const char* kKind = "corpus";
  virtual ~Corpus() = default;

  /// The directions that `pairs` of [corpus] names; {"all"} is every direction it has. Raises
  /// kUser.
  virtual std::vector<Direction> directions(const CorpusPlace& place,
                                            const std::vector<std::string>& pairs) const = 0;

  /// Identity of the inputs for these directions. Never writes unless `place.may_fetch`; then it
  /// fetches what is needed to know (with progress on standard error) and pins it. Raises kUser,
  /// kMachine.
  virtual CorpusInputs inputs(const CorpusPlace& place,
                              const std::vector<Direction>& directions) const = 0;

  /// Downloads what `read` needs, with progress on standard error. Called after
  /// `inputs`, with `may_fetch`. Raises kMachine if it cannot be fetched, naming what to do.
  virtual void fetch(const CorpusPlace& place, const std::vector<Direction>& directions) const {
    static_cast<void>(place);
    static_cast<void>(directions);
  }

  /// The table [corpus.vocabulary] for what `read` gives, if that is not plain text but pieces of a
  /// vocabulary of its own; null otherwise. Such pairs are not cleaned; only those longer than
  /// max_length are left out. Called after `fetch`.
  virtual Value vocabulary(const CorpusPlace& place,
                           const std::vector<Direction>& directions) const {
    static_cast<void>(place);
    static_cast<void>(directions);
    return {};
  }

  /// How large the vocabulary above is, for planning; nothing if the corpus brings none. Never
  /// writes or fetches; inputs may be missing.
  virtual std::optional<DictionarySizes> dictionary_sizes(
      const CorpusPlace& place, const std::vector<Direction>& directions) const {
    static_cast<void>(place);
    static_cast<void>(directions);
    return std::nullopt;
  }

  /// Passes every pair of one direction to `sink`, subset by subset, in a fixed order: raw text,
  /// one line each, valid UTF-8. What the corpus leaves out it counts in `dropped`. A side may be
  /// blank in train only. Called after `fetch`. Raises kUser (malformed input, with file and line),
  /// kMachine.
  virtual void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
                    const DropSink& dropped) const = 0;
};

}  // namespace xp
