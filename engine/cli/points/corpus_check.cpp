// Opens no vocabulary, which takes longer.
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
#include <tuple>

namespace xp {
namespace {

/// One prepared corpus.
class Prepared {
 public:
  Prepared(const fs::path& folder, const Value& settings) : outline_(folder, settings) {}

  const std::vector<std::string>& subsets() const { return outline_.subsets(); }
  const std::vector<Direction>& directions() const { return outline_.directions(); }

  bool has(const std::string& subset, const Direction& direction) const {
    return outline_.has(subset, direction) && outline_.num_kept(subset, direction) > 0;
  }
  std::vector<std::string> directions_without(const std::string& subset) const {
    std::vector<std::string> out;
    for (const auto& direction : directions()) {
      if (!has(subset, direction)) out.push_back(direction.name());
    }
    return out;
  }

  /// The longest sentence of a side, with </s>.
  uint32_t longest(const std::string& subset, const Direction& direction, Side side) {
    return 1 + longest_pieces(subset, direction, side);
  }
  /// The longest side of a pair as training counts it: with </s> and tag.
  uint32_t longest_pair(const std::string& subset, const Direction& direction) {
    const SentenceFrame frame = outline_.frame(direction, 0, 0);
    return std::max(longest_pieces(subset, direction, Side::kSource) + frame.num_source_ids(),
                    longest_pieces(subset, direction, Side::kTarget) + frame.num_target_ids());
  }

 private:
  // Read once.
  uint32_t longest_pieces(const std::string& subset, const Direction& direction, Side side) {
    const auto [known, is_new] = longest_.try_emplace({subset, direction.name(), side}, 0);
    if (is_new) {
      for (const uint32_t length : outline_.tokens(subset, direction, side).lengths())
        known->second = std::max(known->second, length);
    }
    return known->second;
  }

  CorpusOutline outline_;
  std::map<std::tuple<std::string, std::string, Side>, uint32_t> longest_;
};

/// What is found at the points of one corpus, each thing once.
class Checker {
 public:
  explicit Checker(Prepared& corpus) : corpus_(corpus) {}

  void check_evaluation(const Value& eval) {
    for (const std::string subset : eval.at("subsets")) {
      const auto& known = corpus_.subsets();
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
  return {};  // damaged: whoever uses it says so
} catch (const Error&) {
  return {};  // likewise, or not prepared
}

}  // namespace xp
