// Words between spaces numbered by a dict.txt, as in fairseq: for text that is already cut into
// pieces.
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/ngrams.h"
#include "engine/base/replace_all.h"
#include "engine/base/text.h"
#include "engine/data/fairseq_bin.h"
#include "registry/tokenizer.h"

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kFileName = "dict.txt";

class Words final : public Vocabulary {
 public:
  Words(FairseqDictionary dictionary, std::string joins)
      : dictionary_(std::move(dictionary)), joins_(std::move(joins)) {}

  int32_t size() const override { return dictionary_.size(); }

  std::vector<int32_t> encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    for (const auto word : words(text))
      ids.push_back(dictionary_.id(word));
    return ids;
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (id <= Special::kUnknown) continue;
      if (!text.empty()) text += ' ';
      text += dictionary_.symbol(id);
    }
    if (joins_ == "sentencepiece") {
      replace_all(text, " ", "");
      replace_all(text, "\xe2\x96\x81", " ");
    } else if (joins_ == "@@") {
      text += ' ';
      replace_all(text, "@@ ", "");
    }
    return std::string(trim(text));
  }

  std::string piece(int32_t id) const override { return dictionary_.symbol(id); }

 private:
  FairseqDictionary dictionary_;
  std::string joins_;
};

struct Dictionary final : Tokenizer {
  struct Config {
    bool joint = true;
    int64_t threshold = 0, size = 0, padding = 8;
    std::string source, target, joins = "none";

    void describe(auto& field) {
      field("joint", joint, "one dictionary for both sides");
      field("threshold", threshold, "words seen less often are unknown", at_least(0, "times"));
      field("size", size, "words at most, the most frequent ones; 0 = all", at_least(0, "words"));
      field("padding", padding, "entries are filled up to a multiple of this", at_least(1));
      field("source", source, "an existing dict.txt instead of learning one", any(),
            Scope::kContent);
      field("target", target, "that of the target if not joint", any(), Scope::kContent);
      field("joins", joins, "how words become text again: SentencePiece's mark, \"@@\" or spaces",
            one_of({"none", "sentencepiece", "@@"}));
    }
  };

  explicit Dictionary(const Config& c) : config(c) {}

  bool is_joint() const override { return config.joint; }

  Value inputs(const fs::path& spec_folder) const override {
    Value out;
    if (!config.source.empty()) out["source"] = sha256_file((spec_folder / config.source).string());
    if (!config.target.empty()) out["target"] = sha256_file((spec_folder / config.target).string());
    return out;
  }

  void train(const Sentences& sentences, const fs::path& spec_folder,
             const fs::path& folder) const override {
    const bool is_target = !config.joint && folder.filename() == "target";
    const std::string& given = is_target ? config.target : config.source;
    if (!given.empty()) {
      const auto taken = FairseqDictionary::load(spec_folder / given);
      return write_atomic(folder / kFileName, taken.text());
    }
    std::map<std::string, int64_t> counts;
    sentences([&](std::string_view text) {
      for (const auto word : words(text))
        ++counts[std::string(word)];
    });
    if (counts.empty()) user_error("there is no training text to learn a dictionary from");
    const auto learnt =
        FairseqDictionary::of_counts(counts, config.threshold, config.size, config.padding);
    write_atomic(folder / kFileName, learnt.text());
  }

  std::unique_ptr<Vocabulary> open(const fs::path& folder) const override {
    return std::make_unique<Words>(FairseqDictionary::load(folder / kFileName), config.joins);
  }

  Config config;
};

XP_REGISTER(Tokenizer, Dictionary, "dictionary", "words between spaces, numbered as in fairseq");

}  // namespace
}  // namespace xp
