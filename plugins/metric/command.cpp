// Scores by a program of the user's, one for each sentence; that of a text is their mean.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "plugins/metric/scoring_program.h"

#include <charconv>

namespace xp {
namespace {

// Counts of a sentence: its score in units, and 1.
constexpr size_t kScore = 0, kSentences = 1, kWidth = 2;

// Nothing if the file is missing, of another text, or damaged: the program then runs again.
std::optional<std::vector<int64_t>> kept_scores(const fs::path& file, size_t sentences) {
  const auto bytes = read_if_there(file);
  if (!bytes) return std::nullopt;
  std::vector<int64_t> out;
  const char *at = bytes->data(), *const end = at + bytes->size();
  while (at != end) {
    int64_t number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc() || stop == end || *stop != '\n') return std::nullopt;
    out.push_back(number);
    at = stop + 1;
  }
  return out.size() == sentences ? std::optional(std::move(out)) : std::nullopt;
}

struct Command final : Metric {
  struct Config {
    std::vector<std::string> command;
    std::string pattern, unit, version;
    bool higher_is_better = true;
    double scale = 1, timeout_s = 3600;

    void describe(auto& field) {
      field("command", command,
            "the program and its words; {source}, {hypothesis}, {reference}, {references}, {input} "
            "and {scores} become files");
      field("pattern", pattern,
            "a regular expression whose group is the score of the next sentence; other lines are "
            "skipped; empty = every line is a score");
      field("scale", scale,
            "scores are multiplied by this; reports show two digits after the point", above(0));
      field("unit", unit, "of the scores");
      field("higher_is_better", higher_is_better, "which way is better");
      field("version", version, "of what the program computes; change it to score anew");
      field("timeout_s", timeout_s, "the program is ended after this time", above(0, "s"),
            Scope::kNone);
    }
  };

  explicit Command(const Config& c)
      : config(c), program(config.command, config.pattern, config.timeout_s) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    SentenceCounts out{kWidth, {}, 1 + texts.more_references.size()};
    for (const int64_t score : scores(texts)) {
      out.numbers.push_back(score);
      out.numbers.push_back(1);
    }
    return out;
  }

  std::vector<Score> score_of(const CountSums& sums) const override {
    const auto sentences = static_cast<double>(std::max<int64_t>(1, sums.numbers[kSentences]));
    const double mean = config.scale * static_cast<double>(sums.numbers[kScore]) / sentences /
                        static_cast<double>(ScoringProgram::kUnits);
    const std::string version = config.version.empty() ? "" : "|version:" + config.version;
    const std::string scale = config.scale == 1 ? "" : fmt::format("|scale:{}", config.scale);
    return {{"command", mean, config.unit,
             fmt::format("nrefs:{}|command:{}{}{}", sums.num_references, program.words(), scale,
                         version),
             config.higher_is_better}};
  }

  std::vector<Score> sample() const override {
    const std::vector<int64_t> none(kWidth);
    return score_of(none);
  }

  void require_usable() const override { program.require_usable(); }

  std::vector<int64_t> scores(const Translations& texts) const {
    if (texts.cache.empty()) return program.scores(texts);
    program.require_usable();
    const fs::path file = texts.cache / (program.hash(texts) + ".txt");
    if (auto kept = kept_scores(file, texts.hypotheses.size())) return *kept;
    auto fresh = program.scores(texts);
    std::string lines;
    for (const int64_t score : fresh)
      lines += fmt::format("{}\n", score);
    replace_file(file, lines);
    return fresh;
  }

  Config config;
  ScoringProgram program;
};

XP_REGISTER(Metric, Command, "command",
            "what a program of yours says of each sentence, such as COMET; the mean");

}  // namespace
}  // namespace xp
