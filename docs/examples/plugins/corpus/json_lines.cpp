// Pairs as JSON, one object a line, STEM.jsonl: {"en": "A cat .", "fr": "Un chat ."}, or below one
// key, as data sets are often published: {"translation": {"en": ..., "fr": ...}}.
#include "engine/base/text.h"
#include "engine/data/text_files.h"

#include <algorithm>
#include <fstream>

namespace xp {
namespace {

struct JsonLines final : Corpus {
  struct Config {
    static constexpr const char* kVersion = "1";
    TextFiles files;  // path or archive, and the stems of train, valid and test
    std::string key;

    void describe(auto& field) {
      files.describe(field);
      field("key", key, "where in a line the texts by language are; empty = the line itself");
    }
  };

  explicit JsonLines(const Config& c) : config(c) { config.files.require_one("json-lines"); }

  std::vector<Direction> directions(const CorpusPlace&,
                                    const std::vector<std::string>& pairs) const override {
    return named_directions("json-lines", pairs);
  }

  // Hashes of the files: with those and the settings the corpus has its id.
  CorpusInputs inputs(const CorpusPlace& place, const std::vector<Direction>&) const override {
    return config.files.inputs(place, {".jsonl"});
  }

  void read(const CorpusPlace& place, const Direction& direction, const PairSink& sink,
            const DropSink& dropped) const override {
    for (const auto& [subset, stem] : config.files.subsets()) {
      const std::string file = config.files.file(place, stem, ".jsonl").string();
      std::ifstream lines(file);
      int64_t number = 0, untranslated = 0;
      for (std::string line; std::getline(lines, line);) {
        const std::string at = fmt::format("{}:{}", file, ++number);
        const Value texts = texts_of(line, at);
        if (texts.contains(direction.source) && texts.contains(direction.target)) {
          const std::string source = text(texts, direction.source, subset, at);
          sink(subset, source, text(texts, direction.target, subset, at));
        } else {
          ++untranslated;
        }
      }
      if (untranslated > 0) dropped(subset, "untranslated", untranslated);
    }
  }

 private:
  Value texts_of(const std::string& line, const std::string& place) const {
    const Value whole = Value::parse(line, nullptr, /*allow_exceptions=*/false);
    const Value texts = config.key.empty()  ? whole
                        : whole.is_object() ? whole.value(config.key, Value())
                                            : Value();
    if (!texts.is_object())
      user_error("{}: no JSON object with texts by language{}", place,
                 config.key.empty() ? "" : fmt::format(" below '{}'", config.key));
    return texts;
  }

  static std::string text(const Value& texts, const std::string& language,
                          const std::string& subset, const std::string& place) {
    const Value& found = texts.at(language);
    if (!found.is_string()) user_error("{}: '{}' must be a text", place, language);
    std::string out = found;
    std::replace(out.begin(), out.end(), '\n', ' ');
    if (subset != "train" && trim(out).empty())
      user_error("{}: '{}' is blank; only training text may be", place, language);
    return out;
  }

  Config config;
};

XP_REGISTER(Corpus, JsonLines, "json-lines", "a JSON object with a pair a line, STEM.jsonl");

}  // namespace
}  // namespace xp
