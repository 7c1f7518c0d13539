// BLEU, equal to sacreBLEU's: tokenizer 13a, exponential smoothing, case kept.
// Source: Papineni et al. 2002, "BLEU"; Post 2018, "A Call for Clarity in Reporting BLEU Scores";
// sacreBLEU 2.6.0, metrics/bleu.py and tokenizers/tokenizer_{13a,re}.py.
#include "engine/base/ngrams.h"
#include "engine/base/replace_all.h"
#include "engine/base/text.h"
#include "registry/metric.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace xp {
namespace {

constexpr size_t kOrder = 4;

// Counts of a sentence, and their places: both lengths in words, then matches and n-grams by order.
constexpr size_t kHypothesis = 0, kReference = 1, kMatches = 2, kTotals = kMatches + kOrder,
                 kWidth = kTotals + kOrder;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_stop(char c) {
  return c == '.' || c == ',';
}

// ASCII punctuation but - ' . and , which depend on what is beside them.
bool is_separate(char c) {
  return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
         (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// Replaces each pair that `matches`, from the left and without overlap, by the pair with spaces
// as `gaps` says: before, between, behind.
template <class Matches>
void space_pairs(std::string& text, Matches&& matches, std::array<std::string_view, 3> gaps) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      out.append(gaps[0]).append(1, text[i]).append(gaps[1]).append(1, text[i + 1]).append(gaps[2]);
      ++i;
    } else {
      out += text[i];
    }
  }
  text = std::move(out);
}

// The line with its tokens between white space. Works on bytes: no rule looks inside a character.
std::string tokenized(std::string_view line) {
  const auto parts = words(line);
  std::string text = " ";
  if (!parts.empty()) {
    const char* const end = parts.back().data() + parts.back().size();
    text.append(line.data(), end);  // sacreBLEU strips at the end before it joins lines at "-\n"
  }
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  if (text.find('&') != std::string::npos) {
    replace_all(text, "&quot;", "\"");
    replace_all(text, "&amp;", "&");
    replace_all(text, "&lt;", "<");
    replace_all(text, "&gt;", ">");
  }
  std::string out;
  out.reserve(2 * text.size());
  for (const char c : text) {
    if (is_separate(c))
      out.append(1, ' ').append(1, c).append(1, ' ');
    else
      out += c;
  }
  out += ' ';
  space_pairs(out, [](char a, char b) { return !is_digit(a) && is_stop(b); }, {"", " ", " "});
  space_pairs(out, [](char a, char b) { return is_stop(a) && !is_digit(b); }, {" ", " ", ""});
  space_pairs(out, [](char a, char b) { return is_digit(a) && b == '-'; }, {"", " ", " "});
  return out;
}

void count(const std::string& hypothesis, const std::string& reference, NgramMatcher& matcher,
           std::span<int64_t> out) {
  const std::string hypothesis_text = tokenized(hypothesis), reference_text = tokenized(reference);
  WordNumbers numbers;
  const auto hypothesis_ids = numbers(words(hypothesis_text));
  const auto reference_ids = numbers(words(reference_text));
  const auto matches = matcher.match(hypothesis_ids, reference_ids);
  out[kHypothesis] = static_cast<int64_t>(hypothesis_ids.size());
  out[kReference] = static_cast<int64_t>(reference_ids.size());
  for (size_t n = 0; n < kOrder; ++n) {
    out[kMatches + n] = matches[n];
    if (hypothesis_ids.size() > n)
      out[kTotals + n] = static_cast<int64_t>(hypothesis_ids.size() - n);
  }
}

double bleu(std::span<const int64_t> sums) {
  const auto matches = sums.subspan(kMatches, kOrder), totals = sums.subspan(kTotals, kOrder);
  if (std::all_of(matches.begin(), matches.end(), [](int64_t n) { return n == 0; })) return 0;
  const auto hypothesis = static_cast<double>(sums[kHypothesis]);
  const auto reference = static_cast<double>(sums[kReference]);
  const double brevity = hypothesis < reference ? std::exp(1 - reference / hypothesis) : 1;
  double log_sum = 0, smooth = 1;
  for (size_t n = 0; n < kOrder; ++n) {
    const auto total = static_cast<double>(totals[n]);
    if (total == 0) return 0;  // no sentence has n words: without effective order, the score is 0
    if (matches[n] == 0) smooth *= 2;
    const double precision =
        matches[n] == 0 ? 100 / (smooth * total) : 100 * static_cast<double>(matches[n]) / total;
    log_sum += std::log(precision);
  }
  return brevity * std::exp(log_sum / kOrder);
}

struct Bleu final : Metric {
  struct Config {
    void describe(auto&) {}
  };

  explicit Bleu(const Config&) {}

  SentenceCounts sentence_counts(const Translations& texts) const override {
    NgramMatcher matcher(kOrder);
    return counted(texts, kWidth,
                   [&](const auto& ours, const auto& theirs, std::span<int64_t> out) {
                     count(ours, theirs, matcher, out);
                   });
  }

  std::vector<Score> score_of(std::span<const int64_t> sums) const override {
    return {{"bleu", bleu(sums), "", "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
             true, "BLEU"}};
  }
};

XP_REGISTER(Metric, Bleu, "bleu", "corpus BLEU with sacreBLEU's 13a tokenizer");

}  // namespace
}  // namespace xp
