// Kind `tokenizer`: text to pieces and back.
#pragma once

#include "registry/registry.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// The ids of the special pieces, in fairseq's order.
struct Special {
  static constexpr int32_t kBegin = 0, kPad = 1, kEnd = 2, kUnknown = 3;
};

/// Text to ids for one thread, which may remember what it has seen.
struct Encoder {
  virtual ~Encoder() = default;
  /// Adds the ids of `text` to `ids`: those of Vocabulary::encode.
  virtual void encode(std::string_view text, std::vector<int32_t>& ids) = 0;
};

/// Text of a trained vocabulary <-> ids. Immutable; may be used by several threads.
struct Vocabulary {
  virtual ~Vocabulary() = default;
  virtual int32_t size() const = 0;                                      ///< ids are 0 .. size - 1
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;  ///< without <s> and </s>
  virtual std::string decode(std::span<const int32_t> ids) const = 0;  ///< special ids are skipped
  /// The written form of an id's piece, without white space in it: "\xe2\x96\x81the".
  virtual std::string piece(int32_t id) const = 0;
  /// The quickest way to encode much text; lives no longer than the vocabulary.
  virtual std::unique_ptr<Encoder> encoder() const;
};

struct Tokenizer {
  static constexpr const char* kKind = "tokenizer";
  virtual ~Tokenizer() = default;

  /// Calls `each` with every sentence to learn from, both sides.
  using Sentences = std::function<void(const std::function<void(std::string_view)>& each)>;

  /// Whether source and target share one vocabulary. If not, each side's is trained and opened by
  /// itself.
  virtual bool is_joint() const { return true; }

  /// Contents of the files that the settings name (an existing model), for the corpus id; null
  /// if none. Relative names start at `spec_folder`. Raises kUser if one cannot be read.
  virtual Value inputs(const std::filesystem::path& spec_folder) const {
    static_cast<void>(spec_folder);
    return {};
  }

  /// Learns a vocabulary and leaves its files in `folder`, whose name is the side ("source",
  /// "target") if each has its own. Raises kUser if the text does not carry the asked size
  /// (the message names the largest size that it does).
  virtual void train(const Sentences& sentences, const std::filesystem::path& spec_folder,
                     const std::filesystem::path& folder) const = 0;

  /// Opens what `train` left in `folder`. Raises kMachine if it is damaged.
  virtual std::unique_ptr<Vocabulary> open(const std::filesystem::path& folder) const = 0;
};

}  // namespace xp
