// SentencePiece vocabularies, trained and applied through its library.
// Source: Kudo and Richardson 2018, "SentencePiece", https://arxiv.org/abs/1808.06226.
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "registry/tokenizer.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <regex>
#include <unordered_map>

namespace xp {
namespace {

constexpr const char* kModelName = "sentencepiece.model";

constexpr std::string_view kSpace = "\xe2\x96\x81";

// Encodes word by word and remembers words, which text repeats. For models that give a text the
// pieces of its words one after the other.
class WordEncoder final : public Encoder {
 public:
  explicit WordEncoder(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  void encode(std::string_view text, std::vector<int32_t>& ids) override {
    while (!text.empty()) {
      const size_t end = std::min(text.find(' '), text.size());
      if (end > 0) add(text.substr(0, end), ids);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Known {
    uint32_t begin, count;
  };
  // About 25 MB for each side on each core; words come back soon or not at all.
  static constexpr size_t kMaxWords = size_t{1} << 18;

  void add(std::string_view word, std::vector<int32_t>& ids) {
    auto found = known_.find(word);
    if (found == known_.end()) {
      if (known_.size() == kMaxWords) {
        known_.clear();
        ids_.clear();
      }
      const auto fresh = vocabulary_.encode(word);
      if (word.size() > 100) {  // no word, and not seen again
        ids.insert(ids.end(), fresh.begin(), fresh.end());
        return;
      }
      const Known place{static_cast<uint32_t>(ids_.size()), static_cast<uint32_t>(fresh.size())};
      ids_.insert(ids_.end(), fresh.begin(), fresh.end());
      found = known_.emplace(std::string(word), place).first;
    }
    const auto begin = ids_.begin() + found->second.begin;
    ids.insert(ids.end(), begin, begin + found->second.count);
  }

  const Vocabulary& vocabulary_;
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;
  std::vector<int32_t> ids_;
};

// Ids of a model to ours and back: the special pieces come first, in fairseq's order, the others
// keep theirs. For models trained here both are the same.
class PieceVocabulary final : public Vocabulary {
 public:
  PieceVocabulary(std::string_view model, const fs::path& path) {
    const auto loaded = processor_.LoadFromSerializedProto(model);
    if (!loaded.ok()) {
      machine_error("'{}' is not a SentencePiece model: {}", path.string(), loaded.error_message());
    }
    to_model_.assign(4, processor_.unk_id());
    for (int id = 0; id < processor_.GetPieceSize(); ++id) {
      if (processor_.IsControl(id) || processor_.IsUnknown(id)) {
        to_ours_.push_back(Special::kUnknown);
        continue;
      }
      to_ours_.push_back(static_cast<int32_t>(to_model_.size()));
      to_model_.push_back(id);
    }
    is_word_wise_ = words_are_independent();
  }

  int32_t size() const override { return static_cast<int32_t>(to_model_.size()); }

  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int> ids;
    const auto encoded = processor_.Encode(text, &ids);
    if (!encoded.ok()) machine_error("encoding a sentence: {}", encoded.error_message());
    for (int& id : ids)
      id = to_ours_[static_cast<size_t>(id)];
    return ids;
  }

  std::unique_ptr<Encoder> encoder() const override {
    if (is_word_wise_) return std::make_unique<WordEncoder>(*this);
    return Vocabulary::encoder();
  }

  std::string piece(int32_t id) const override {
    static constexpr const char* kSpecial[] = {"<s>", "<pad>", "</s>", "<unk>"};
    if (id <= Special::kUnknown) return kSpecial[id];
    return processor_.IdToPiece(to_model_[static_cast<size_t>(id)]);
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::vector<int> model_ids;
    model_ids.reserve(ids.size());
    for (const int32_t id : ids) {
      check(id >= 0 && id < size(), "a decoded id is in the vocabulary");
      if (id > Special::kUnknown) model_ids.push_back(to_model_[static_cast<size_t>(id)]);
    }
    std::string text;
    const auto decoded = processor_.Decode(model_ids, &text);
    if (!decoded.ok()) machine_error("decoding a sentence: {}", decoded.error_message());
    // Pieces of bytes may make a line end, which would shift all lines behind it in a file.
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return text;
  }

 private:
  // Whether the pieces of a text are those of its words. They are where no piece spans words, where
  // merges are ranked (scores of BPE are whole numbers; sums of unigram's may round otherwise in a
  // longer text), and where spaces begin words and nothing else.
  bool words_are_independent() const {
    if (processor_.PieceToId(kSpace) == processor_.unk_id()) return false;
    for (int id = 0; id < processor_.GetPieceSize(); ++id) {
      if (processor_.IsControl(id) || processor_.IsUnknown(id) || processor_.IsByte(id)) continue;
      const float score = processor_.GetScore(id);
      const bool spans = processor_.IdToPiece(id).find(kSpace, 1) != std::string::npos;
      if (spans || score != std::round(score)) return false;
    }
    auto both = encode("a");
    const auto second = encode("b");
    both.insert(both.end(), second.begin(), second.end());
    return encode(" a  b ") == both;
  }

  sentencepiece::SentencePieceProcessor processor_;
  bool is_word_wise_ = false;
  std::vector<int32_t> to_ours_;
  std::vector<int> to_model_;
};

// Sentences for the trainer: all of them, or a sample in which each is as likely as any other.
class Sample final : public sentencepiece::SentenceIterator {
 public:
  Sample(const Tokenizer::Sentences& sentences, size_t limit, uint64_t seed) {
    std::mt19937_64 random(seed_for(seed, "vocabulary sample"));
    size_t seen = 0;
    sentences([&](std::string_view text) {
      ++seen;
      if (limit == 0 || kept_.size() < limit) {
        kept_.emplace_back(text);
      } else if (const size_t at = random() % seen; at < limit) {
        kept_[at] = text;
      }
    });
  }
  size_t size() const { return kept_.size(); }
  bool done() const override { return at_ >= kept_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return kept_[at_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  std::vector<std::string> kept_;
  size_t at_ = 0;
};

// The library says in words how far a size is off; the figure is what a reader needs.
[[noreturn]] void refuse(int64_t size, const std::string& words) {
  std::smatch found;
  if (std::regex_search(words, found, std::regex("value <= ([0-9]+)"))) {
    user_error(
        "'size' in [corpus.vocabulary] is {}, more than the text allows; the largest that works is "
        "{}",
        size, found[1].str());
  }
  if (std::regex_search(words, found, std::regex("([0-9]+) vs ([0-9]+)"))) {
    user_error(
        "'size' in [corpus.vocabulary] is {}, less than the characters of the text need; the "
        "smallest that works is {}",
        size, std::stoll(found[2].str()));
  }
  user_error("a vocabulary of {} cannot be learnt from this text: {}", size, words);
}

struct SentencePiece final : Tokenizer {
  struct Config {
    std::string type = "bpe";
    int64_t size = 32000;
    bool joint = true;
    std::string model;
    bool byte_fallback = false;
    int64_t sample = 0, sample_seed = 1;

    void describe(auto& field) {
      field("type", type, "how pieces are found", one_of({"bpe", "unigram"}));
      field("size", size, "entries of the vocabulary, special pieces included",
            between(8, 1 << 24, "pieces"));
      field("joint", joint, "one vocabulary for both sides");
      field("model", model, "an existing SentencePiece model instead of training one", any(),
            Scope::kContent);
      field("byte_fallback", byte_fallback, "unknown characters become bytes");
      field("sample", sample, "sentences to train on; 0 = all", at_least(0, "sentences"));
      field("sample_seed", sample_seed, "picks these sentences", at_least(0));
    }
  };

  explicit SentencePiece(const Config& c) : config(c) {}

  bool is_joint() const override { return config.joint; }

  Value inputs(const fs::path& spec_folder) const override {
    if (config.model.empty()) return {};
    return {{"model", sha256_file((spec_folder / config.model).string())}};
  }

  void train(const Sentences& sentences, const fs::path& spec_folder,
             const fs::path& folder) const override {
    if (!config.model.empty()) {
      const fs::path path = spec_folder / config.model;
      const std::string model = read_file(path);
      try {
        PieceVocabulary(model, path);
      } catch (const Error& error) {
        throw Error(Blame::kUser, error.what());
      }
      return write_atomic(folder / kModelName, model);
    }
    Sample text(sentences, static_cast<size_t>(config.sample),
                static_cast<uint64_t>(config.sample_seed));
    if (text.size() == 0) user_error("there is no training text to learn a vocabulary from");
    const std::unordered_map<std::string, std::string> options = {
        {"model_type", config.type},
        {"vocab_size", std::to_string(config.size)},
        {"byte_fallback", config.byte_fallback ? "true" : "false"},
        {"bos_id", std::to_string(Special::kBegin)},
        {"pad_id", std::to_string(Special::kPad)},
        {"eos_id", std::to_string(Special::kEnd)},
        {"unk_id", std::to_string(Special::kUnknown)},
        // Small alphabets keep all but freak characters, large ones still shed their long tail.
        {"character_coverage", "0.9999"},
        {"num_threads", "1"},  // with more, unigram's sums depend on the number
        {"minloglevel", "2"},
    };
    std::string model;
    const auto trained = sentencepiece::SentencePieceTrainer::Train(options, &text, &model);
    if (!trained.ok()) refuse(config.size, trained.ToString());
    write_atomic(folder / kModelName, model);
  }

  std::unique_ptr<Vocabulary> open(const fs::path& folder) const override {
    const MappedFile model(folder / kModelName);
    const auto bytes = model.bytes();
    return std::make_unique<PieceVocabulary>(
        std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
        folder / kModelName);
  }

  Config config;
};

XP_REGISTER(Tokenizer, SentencePiece, "sentencepiece", "pieces of words, learnt from the text");

}  // namespace
}  // namespace xp
