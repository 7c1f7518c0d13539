// Kind `metric`: hypotheses and references to named numbers.
#pragma once

#include "registry/registry.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// One number with all that reports need to know about it.
struct Score {
  std::string name;
  double value = 0;
  std::string unit;              ///< "%"; "" = none
  std::string signature;         ///< how it was computed; sacreBLEU's if it has one
  bool higher_is_better = true;  ///< decides which row of a report is the best
  std::string label{};           ///< name in tables ("BLEU"); "" = `name`
};

/// Counts of every sentence of a text whose sums over any selection of sentences decide the score
/// of that selection: what a bootstrap over sentences needs, without decoding again.
struct SentenceCounts {
  size_t width = 0;              ///< counts of one sentence
  std::vector<int64_t> numbers;  ///< sentence by sentence
  size_t num_references = 1;     ///< of each sentence

  size_t size() const { return width == 0 ? 0 : numbers.size() / width; }
  std::span<const int64_t> of(size_t sentence) const {
    return std::span(numbers).subspan(sentence * width, width);
  }
};

/// The counts summed over all sentences.
std::vector<int64_t> sums_of(const SentenceCounts& counts);

/// Summed counts, of a text or of one sentence: some metrics score a sentence by itself otherwise.
struct CountSums {
  CountSums(std::span<const int64_t> sums, size_t references = 1, bool sentence = false)
      : numbers(sums), num_references(references), is_sentence(sentence) {}
  CountSums(const std::vector<int64_t>& sums) : CountSums(std::span(sums)) {}

  std::span<const int64_t> numbers;
  size_t num_references;
  bool is_sentence;
};

/// Detokenised sentences of one direction: the i-th of each list belong together.
struct Translations {
  std::span<const std::string> sources, hypotheses, references;
  std::string source_language = "en", target_language = "fr";   ///< codes
  std::vector<std::span<const std::string>> more_references{};  ///< further ones of each sentence
  /// Where a metric may keep what was costly to compute; empty: nowhere.
  std::filesystem::path cache{};
};

/// Counts of every sentence: `count(hypothesis, references, out)` writes those of one to a zeroed
/// `out`; `references` are views, one or more.
template <class Count>
SentenceCounts counted(const Translations& texts, size_t width, Count&& count) {
  SentenceCounts out{width, std::vector<int64_t>(width * texts.hypotheses.size()),
                     1 + texts.more_references.size()};
  std::vector<std::string_view> references(out.num_references);
  for (size_t i = 0; i < texts.hypotheses.size(); ++i) {
    for (size_t k = 0; k < references.size(); ++k) {
      const auto& text = k == 0 ? texts.references : texts.more_references[k - 1];
      check(text.size() == texts.hypotheses.size(), "every hypothesis has its references");
      references[k] = text[i];
    }
    count(texts.hypotheses[i], std::span<const std::string_view>(references),
          std::span(out.numbers).subspan(i * width, width));
  }
  return out;
}

/// A metric that sums over sentences gives `sentence_counts` and `score_of`; any other overrides
/// `score` alone and has no bootstrap.
struct Metric {
  static constexpr const char* kKind = "metric";
  virtual ~Metric() = default;
  /// Corpus-level scores of at least one sentence. A metric may ignore sources and languages.
  virtual std::vector<Score> score(const Translations& texts) const;
  /// Of the same texts. Width 0 if the metric does not sum over sentences.
  virtual SentenceCounts sentence_counts(const Translations& texts) const;
  /// The scores that counts summed over sentences give.
  virtual std::vector<Score> score_of(const CountSums& sums) const;
  /// The scores that it gives, with values of no meaning: their names, units, directions and
  /// labels. Scores one short sentence unless it is overridden.
  virtual std::vector<Score> sample() const;
  /// Raises kUser or kMachine if this machine cannot compute it, such as for want of a program:
  /// `xp check` asks before anything is trained.
  virtual void require_usable() const {}
};

/// The metric that [eval] metrics calls `name`, with the settings that `tables`, those of
/// [eval.metric], have for it. A name that is not the component's own takes its place in the names
/// of its scores, and is their label. Raises kUser.
std::unique_ptr<Metric> make_metric(const std::string& name, const Value& tables);

}  // namespace xp
