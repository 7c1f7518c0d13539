// Reads corpus.json, stats.json and lengths; opens no vocabulary, which takes longer.
#include "engine/cli/points/corpus_check.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/data/prepared_corpus.h"
#include "engine/experiment/codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace xp {
namespace {

Value read_json(const fs::path& path) {
  return Value::parse(read_if_there(path).value_or("null"), nullptr, /*allow_exceptions=*/false);
}

/// One prepared corpus.
class Prepared {
 public:
  Prepared(fs::path folder, const Value& settings)
      : folder_(std::move(folder)),
        about_(read_json(folder_ / "corpus.json")),
        stats_(read_json(folder_ / "stats.json")) {
    if (!is_usable()) return;
    for (const std::string name : about_["directions"])
      directions_.push_back(parse_direction(name));
    tags_ = LanguageTags(bind_settings<CorpusSection>(settings).language_tokens, directions_);
  }

  /// Whoever uses a damaged one says so.
  bool is_usable() const {
    return about_.is_object() && stats_.is_object() && about_.contains("subsets") &&
           about_["subsets"].is_array() && about_.contains("directions") &&
           about_["directions"].is_array();
  }
  std::vector<std::string> subsets() const { return about_["subsets"]; }
  const std::vector<Direction>& directions() const { return directions_; }

  bool has(const std::string& subset, const Direction& direction) const {
    const Value* counts = find_path(stats_, subset + "." + direction.name());
    return counts != nullptr && counts->is_object() && counts->value("kept", int64_t{0}) > 0;
  }
  std::vector<std::string> directions_without(const std::string& subset) const {
    std::vector<std::string> out;
    for (const auto& direction : directions_) {
      if (!has(subset, direction)) out.push_back(direction.name());
    }
    return out;
  }

  /// The longest sentence of a side, with </s>. Read once.
  uint32_t longest(const std::string& subset, const Direction& direction, Side side) {
    const std::string stem = fmt::format("{}.{}.{}", subset, direction.name(), side_name(side));
    const auto [known, is_new] = longest_.try_emplace(stem, 0);
    if (is_new) {
      for (const uint32_t length : TokenSet(folder_ / stem).lengths())
        known->second = std::max(known->second, length + 1);
    }
    return known->second;
  }
  /// The longest side of a pair as training counts it: with </s> and tag.
  uint32_t longest_pair(const std::string& subset, const Direction& direction) {
    const uint32_t source_tag = tags_.source(direction) && !tags_.replaces_ends() ? 1 : 0;
    const uint32_t target_tag = tags_.target(direction) && !tags_.replaces_ends() ? 1 : 0;
    return std::max(longest(subset, direction, Side::kSource) + source_tag,
                    longest(subset, direction, Side::kTarget) + target_tag);
  }

 private:
  fs::path folder_;
  Value about_, stats_;
  std::vector<Direction> directions_;
  LanguageTags tags_;
  std::map<std::string, uint32_t> longest_;
};

/// What is found at the points of one corpus, each thing once.
class Checker {
 public:
  explicit Checker(Prepared& corpus) : corpus_(corpus) {}

  void check_evaluation(const Value& eval) {
    for (const std::string subset : eval.at("subsets")) {
      const auto known = corpus_.subsets();
      if (std::find(known.begin(), known.end(), subset) == known.end()) {
        add("eval.subsets", code::kSubset,
            fmt::format("the corpus has no subset '{}'; it has: {}", subset, join(known, ", ")),
            nearest(subset, known));
        continue;
      }
      note_without(subset, "is not scored in it");
      check_lengths(subset, eval.at("max_tokens"));
    }
  }

  void check_training(const Value& train) {
    if (corpus_.directions_without("valid").size() == corpus_.directions().size()) {
      note(
          "the corpus has no validation pairs: the last checkpoint counts as the best, and there "
          "is no learning curve");
      return;
    }
    note_without("valid", "is not validated in it");
    const auto max_tokens = train.at("max_tokens").get<int64_t>();
    for (const auto& direction : corpus_.directions()) {
      if (!corpus_.has("valid", direction)) continue;
      const int64_t longest = corpus_.longest_pair("valid", direction);
      if (longest <= max_tokens) continue;
      add("train.max_tokens", code::kTooLong,
          fmt::format("'max_tokens' in [train] is {}, but a pair of subset 'valid' in {} has {} "
                      "pieces with </s> and language tags; raise it to at least {}",
                      max_tokens, direction.name(), longest, longest),
          "");
    }
  }

  CorpusCheck found() && { return std::move(out_); }

 private:
  void check_lengths(const std::string& subset, int64_t max_tokens) {
    for (const auto& direction : corpus_.directions()) {
      if (!corpus_.has(subset, direction)) continue;
      const int64_t longest = corpus_.longest(subset, direction, Side::kSource);
      if (longest <= max_tokens) continue;
      add("eval.max_tokens", code::kTooLong,
          fmt::format("'max_tokens' in [eval] is {}, but a sentence of subset '{}' in {} has {} "
                      "pieces with </s>; raise it to at least {}",
                      max_tokens, subset, direction.name(), longest, longest),
          "");
    }
  }

  void note_without(const std::string& subset, const char* consequence) {
    const auto without = corpus_.directions_without(subset);
    if (without.empty()) return;
    note(fmt::format("{} has no subset '{}' and {}", join(without, ", "), subset, consequence));
  }

  void note(const std::string& sentence) {
    if (seen_.insert(sentence).second) out_.notes.push_back(sentence);
  }
  void add(const char* setting, const char* code, const std::string& sentence,
           const std::string& hint) {
    if (seen_.insert(sentence).second) out_.problems.push_back({setting, code, sentence, hint});
  }

  Prepared& corpus_;
  std::set<std::string> seen_;
  CorpusCheck out_;
};

}  // namespace

CorpusCheck check_corpus(const Plan& plan, const Value& corpus, const fs::path& folder) try {
  Prepared prepared(folder, corpus);
  if (!prepared.is_usable()) return {};
  Checker checker(prepared);
  std::set<std::array<const SharedSection*, 3>> seen;
  for (const auto& point : plan.points) {
    const Settings& settings = point.settings();
    const bool is_new = seen.insert({settings.section("corpus"), settings.section("train"),
                                     settings.section("eval")})
                            .second;
    if (!is_new || settings.at("corpus") != corpus) continue;
    checker.check_training(settings.at("train"));
    checker.check_evaluation(settings.at("eval"));
  }
  return std::move(checker).found();
} catch (const Value::exception&) {
  return {};  // damaged
} catch (const Error&) {
  return {};  // likewise
}

}  // namespace xp
