// A prepared corpus of made-up ids, for tests of what reads one.
#pragma once

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/data/prepare.h"
#include "engine/data/token_set.h"
#include "registry/tokenizer.h"

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace xp {

/// Stands for a vocabulary whose text nobody asks for.
struct Numbers final : Vocabulary {
  static constexpr int32_t kSize = 5000;
  int32_t size() const override { return kSize; }
  std::vector<int32_t> encode(std::string_view) const override { return {}; }
  std::string decode(std::span<const int32_t> ids) const override {
    std::string out;
    for (const int32_t id : ids)
      out += (out.empty() ? "" : " ") + std::to_string(id);
    return out;
  }
  std::string piece(int32_t id) const override { return std::to_string(id); }
};

/// One file of each test program registers it as "numbers".
struct NumberTokenizer final : Tokenizer {
  struct Config {
    void describe(auto&) {}
  };
  explicit NumberTokenizer(const Config&) {}
  void train(const Sentences&, const fs::path&, const fs::path&) const override {}
  std::unique_ptr<Vocabulary> open(const fs::path&) const override {
    return std::make_unique<Numbers>();
  }
};

/// Tags of languages have the ids 5000, 5001, ...
struct CorpusFixture {
  static constexpr int32_t kSize = Numbers::kSize;
  TempFolder folder;
  Value settings = {{"use", "any"}, {"vocabulary", {{"use", "numbers"}}}};

  /// Adds a direction with these sentences, the same on both sides but for one piece more.
  void put(const std::vector<std::vector<int32_t>>& sources, const std::string& direction,
           const std::string& subset = "train") {
    Value about = {{"vocabulary", settings["vocabulary"]}}, stats;
    if (fs::exists(folder.path() / "corpus.json")) {
      about = Value::parse(read_file(folder.path() / "corpus.json"));
      stats = Value::parse(read_file(folder.path() / "stats.json"));
    }
    for (const auto& [key, value] : {std::pair("directions", direction), {"subsets", subset}}) {
      if (!about.contains(key)) about[key] = Value::array();
      if (std::find(about[key].begin(), about[key].end(), value) == about[key].end())
        about[key].push_back(value);
    }
    int64_t tokens = 0, longer = 0, squares = 0;
    for (const auto& sentence : sources) {
      const auto length = static_cast<int64_t>(sentence.size());
      tokens += length;
      longer += length + 1;
      squares += (length + 1) * (length + 1);
    }
    stats[subset][direction] = {{"kept", sources.size()},
                                {"source_tokens", tokens},
                                {"target_tokens", longer},
                                {"longer_tokens", longer},
                                {"longer_squares", squares}};
    const std::string stem = (folder.path() / (subset + "." + direction)).string();
    TokenSetWriter source(stem + ".source", kSize), target(stem + ".target", kSize);
    std::string source_text, target_text;
    for (auto sentence : sources) {
      source.add(sentence);
      source_text += Numbers().decode(sentence) + "\n";
      sentence.push_back(9);
      target.add(sentence);
      target_text += Numbers().decode(sentence) + "\n";
    }
    source.finish();
    target.finish();
    if (subset != "train") {
      write_atomic(stem + ".source.txt", source_text);
      write_atomic(stem + ".target.txt", target_text);
    }
    write_atomic(folder.path() / "corpus.json", json_text(about));
    write_atomic(folder.path() / "stats.json", json_text(stats));
  }
  PreparedCorpus opened() const { return open_corpus(folder.path(), settings); }

  /// 600 sentences in two directions, each of its own piece, 1 to 7 times.
  void put_many() {
    for (const auto& [direction, begin, end] :
         {std::tuple("en-fr", 10, 410), std::tuple("fr-en", 410, 610)}) {
      std::vector<std::vector<int32_t>> sentences;
      for (int32_t i = begin; i < end; ++i)
        sentences.emplace_back(1 + i % 7, i);
      put(sentences, direction);
    }
  }
};

}  // namespace xp
