// One decoder step for all rows, then plain loops over a few choices for each.
#include "engine/eval/search.h"

#include "engine/base/error.h"
#include "engine/base/split_mix.h"
#include "engine/base/to_integer.h"
#include "engine/device/accelerator.h"
#include "engine/eval/choose.h"
#include "engine/nn/row_loss.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

int64_t length_limit(double a, double b, size_t source_length, double least) {
  const double length = a * static_cast<double>(source_length) + b;
  return to_integer(std::clamp(length, least, SearchRule::kMaxLength));
}

// Which pieces would end an n-gram that the hypothesis has already.
void forbid_repeats(const Pieces& pieces, size_t begin, int64_t n, std::span<float> logits) {
  const auto before = static_cast<size_t>(n - 1);
  if (pieces.size() < begin + before) return;
  const auto last = pieces.end() - static_cast<std::ptrdiff_t>(before);
  for (auto at = pieces.begin() + static_cast<std::ptrdiff_t>(begin); at < last; ++at) {
    if (std::equal(last, pieces.end(), at))
      logits[static_cast<size_t>(at[static_cast<std::ptrdiff_t>(before)])] = kForbidden;
  }
}

// What a device tells of a row of logits: its largest ones, and two that may be forced.
struct LargestLogits {
  double log_sum;
  float end, prefix;  // of </s>, and of the next piece of the prefix
  std::span<const float> logits, pieces;
};

// One piece by its probability. `chance` is uniform in [0, 1).
Choice draw(std::span<const float> logits, double log_sum, const Sampling& rule, double chance) {
  const auto size = static_cast<int64_t>(logits.size());
  const auto choices =
      best_choices(logits, log_sum, rule.top_k > 0 ? std::min(rule.top_k, size) : size);
  if (choices.empty()) return {0, Special::kPad};
  std::vector<double> sums;  // of the probabilities so far, as e^(log p / t) over that of the first
  for (const auto& choice : choices) {
    const double weight = std::exp((choice.log_p - choices.front().log_p) / rule.temperature);
    sums.push_back((sums.empty() ? 0 : sums.back()) + weight);
  }
  if (rule.top_p < 1) {
    const auto end = std::lower_bound(sums.begin(), sums.end(), rule.top_p * sums.back());
    if (end != sums.end()) sums.erase(end + 1, sums.end());
  }
  const auto found = std::upper_bound(sums.begin(), sums.end(), chance * sums.back());
  const auto index = std::min<size_t>(static_cast<size_t>(found - sums.begin()), sums.size() - 1);
  return choices[index];
}

// Uniform in [0, 1): the same for a piece of a sentence wherever and beside whatever it is decoded.
double chance_of(uint64_t seed, uint64_t sentence, size_t row, size_t length) {
  uint64_t state = scattered(seed + 0x9E3779B97F4A7C15U);
  for (const uint64_t part : {sentence, uint64_t{row}, uint64_t{length}})
    state = scattered(state + 0x9E3779B97F4A7C15U * (part + 1));
  return SplitMix(state).uniform();
}

}  // namespace

struct Search::Sentence {
  struct Row {
    Pieces pieces;                      // with the prefix
    double log_p = 0;                   // -inf: only keeps the number of rows
    size_t ordinal = 0;                 // seeds its draws
    std::vector<int32_t> aligned = {};  // of its pieces, if asked
    std::vector<Choice> next = {};
    int32_t attended = 0;  // when `next` was chosen
    bool is_live() const { return !std::isinf(log_p); }
    Row followed_by(int32_t piece, double log_p_of_both, bool is_aligning) const {
      Row out{pieces, log_p_of_both, ordinal, aligned};
      out.pieces.push_back(piece);
      if (is_aligning) out.aligned.push_back(attended);
      return out;
    }
  };

  size_t number;
  int64_t handle;
  SearchSource source;
  size_t min_length, max_length;  // pieces, the hidden prefix included, without </s>
  std::vector<Row> rows;
  std::vector<Hypothesis> finished;

  size_t length() const { return rows.front().pieces.size(); }
  void choose(Row& row, std::span<float> logits, const SearchRule& rule) const;
  void choose(Row& row, const LargestLogits& largest, const SearchRule& rule) const;
  std::vector<int64_t> advance(const SearchRule& rule);
  std::vector<int64_t> advance_drawn(const SearchRule& rule);
  bool is_done(const SearchRule& rule) const;
  SearchResult result(const SearchRule& rule);

 private:
  template <class LogitOf>
  bool choose_forced(Row& row, double log_sum, LogitOf logit_of) const;
  bool ends(int32_t piece) const {
    return piece == Special::kEnd && length() >= source.prefix.size();
  }
  void finish(const Row& row, double log_p, const SearchRule& rule);
};

// Whether a live row can only be followed by one piece, which `next` then has.
template <class LogitOf>
bool Search::Sentence::choose_forced(Row& row, double log_sum, LogitOf logit_of) const {
  const auto force = [&](int32_t piece) {
    row.next.push_back({static_cast<double>(logit_of(piece)) - log_sum, piece});
  };
  // A model that has diverged: the hypothesis ends.
  if (!std::isfinite(log_sum))
    row.next.push_back({-1e30, Special::kEnd});
  else if (length() < source.prefix.size())
    force(source.prefix[length()]);
  else if (length() >= max_length)
    force(Special::kEnd);
  return !row.next.empty();
}

// Leaves what can follow a row in `next`, best first. Writes into the logits.
void Search::Sentence::choose(Row& row, std::span<float> logits, const SearchRule& rule) const {
  row.next.clear();
  if (!row.is_live()) return;
  const double log_sum = log_sum_exp(logits);
  const auto logit_of = [&](int32_t piece) { return logits[static_cast<size_t>(piece)]; };
  if (choose_forced(row, log_sum, logit_of)) return;
  const Choice end{static_cast<double>(logit_of(Special::kEnd)) - log_sum, Special::kEnd};
  const auto allowed = std::min(logits.size(), static_cast<size_t>(source.num_pieces));
  logits = logits.first(allowed);
  for (const int32_t piece : {Special::kPad, Special::kBegin})
    logits[static_cast<size_t>(piece)] = kForbidden;
  if (length() < min_length) logits[Special::kEnd] = kForbidden;
  if (rule.no_repeat_ngram > 0)
    forbid_repeats(row.pieces, source.num_hidden, rule.no_repeat_ngram, logits);
  if (rule.sampling) {
    const double chance =
        chance_of(rule.sampling->seed, source.draw_number.value_or(number), row.ordinal, length());
    row.next.push_back(draw(logits, log_sum, *rule.sampling, chance));
    if (row.next.front().piece == Special::kPad) row.next.clear();
  } else {
    row.next =
        best_choices(logits, log_sum, std::min(2 * rule.beam, static_cast<int64_t>(allowed)));
  }
  if (row.next.empty()) row.next.push_back(end);  // all is forbidden
}

// The same by the largest logits, which are enough if few pieces are forbidden.
void Search::Sentence::choose(Row& row, const LargestLogits& largest,
                              const SearchRule& rule) const {
  row.next.clear();
  if (!row.is_live()) return;
  const auto logit_of = [&](int32_t piece) {
    return piece == Special::kEnd ? largest.end : largest.prefix;
  };
  if (choose_forced(row, largest.log_sum, logit_of)) return;
  for (size_t i = 0; i < largest.logits.size(); ++i) {
    const auto piece = static_cast<int32_t>(largest.pieces[i]);
    const bool is_allowed = piece != Special::kPad && piece != Special::kBegin &&
                            (piece != Special::kEnd || length() >= min_length);
    if (is_allowed && largest.logits[i] > kForbidden)
      row.next.push_back({static_cast<double>(largest.logits[i]) - largest.log_sum, piece});
  }
  std::sort(row.next.begin(), row.next.end(), [](const Choice& a, const Choice& b) {
    return a.log_p != b.log_p ? a.log_p > b.log_p : a.piece < b.piece;
  });
  if (row.next.size() > static_cast<size_t>(2 * rule.beam))
    row.next.resize(static_cast<size_t>(2 * rule.beam));
  if (row.next.empty())
    row.next.push_back({static_cast<double>(largest.end) - largest.log_sum, Special::kEnd});
}

void Search::Sentence::finish(const Row& row, double log_p, const SearchRule& rule) {
  const auto length = static_cast<double>(row.pieces.size() + 1);
  finished.push_back(
      {row.pieces, log_p, log_p / std::pow(length, rule.length_penalty), row.aligned});
}

// Finishes hypotheses among the best `beam`, extends the best `beam` others; returns the former row
// of each.
std::vector<int64_t> Search::Sentence::advance(const SearchRule& rule) {
  struct Candidate {
    double log_p;
    size_t row;
    int32_t piece;
  };
  std::vector<Candidate> candidates;
  for (size_t k = 0; k < rows.size(); ++k) {
    for (const auto& choice : rows[k].next)
      candidates.push_back({rows[k].log_p + choice.log_p, k, choice.piece});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.log_p > b.log_p; });
  const auto beam = static_cast<size_t>(rule.beam);
  if (candidates.size() > 2 * beam) candidates.resize(2 * beam);
  std::vector<Row> next;
  std::vector<int64_t> parents;
  for (size_t i = 0; i < candidates.size() && next.size() < beam; ++i) {
    const Candidate& candidate = candidates[i];
    const Row& parent = rows[candidate.row];
    if (ends(candidate.piece)) {
      if (i < beam && finished.size() < beam) finish(parent, candidate.log_p, rule);
      continue;
    }
    next.push_back(parent.followed_by(candidate.piece, candidate.log_p, rule.is_aligning));
    parents.push_back(static_cast<int64_t>(candidate.row));
  }
  rows = std::move(next);
  return parents;
}

// Every row goes its own way.
std::vector<int64_t> Search::Sentence::advance_drawn(const SearchRule& rule) {
  std::vector<Row> next;
  std::vector<int64_t> parents;
  for (size_t k = 0; k < rows.size(); ++k) {
    Row& row = rows[k];
    if (row.next.empty()) continue;
    const Choice choice = row.next.front();
    if (ends(choice.piece)) {
      finish(row, row.log_p + choice.log_p, rule);
      continue;
    }
    next.push_back(row.followed_by(choice.piece, row.log_p + choice.log_p, rule.is_aligning));
    parents.push_back(static_cast<int64_t>(k));
  }
  rows = std::move(next);
  return parents;
}

bool Search::Sentence::is_done(const SearchRule& rule) const {
  return finished.size() >= static_cast<size_t>(rule.beam) ||
         std::none_of(rows.begin(), rows.end(), [](const Row& row) { return row.is_live(); });
}

SearchResult Search::Sentence::result(const SearchRule& rule) {
  std::stable_sort(finished.begin(), finished.end(),
                   [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
  if (finished.size() > static_cast<size_t>(rule.num_best))
    finished.resize(static_cast<size_t>(rule.num_best));
  for (auto& hypothesis : finished) {
    for (auto* list : {&hypothesis.pieces, &hypothesis.aligned}) {
      const auto hidden = std::min(source.num_hidden, list->size());
      list->erase(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(hidden));
    }
  }
  return {number, std::move(finished)};
}

void check_rule(const SearchRule& rule) {
  const auto need = [](bool is_right, const char* name, auto value, const char* expected) {
    if (!is_right) user_error("{} is {}; must be {}", name, value, expected);
  };
  need(rule.beam >= 1, "the beam", rule.beam, "at least 1");
  need(rule.num_best >= 1, "the number of hypotheses", rule.num_best, "at least 1");
  if (rule.num_best > rule.beam) {
    user_error("{} hypotheses are asked of a beam of {}; use a beam of at least {}", rule.num_best,
               rule.beam, rule.num_best);
  }
  need(rule.no_repeat_ngram >= 0, "no_repeat_ngram", rule.no_repeat_ngram, "at least 0");
  if (!rule.sampling) return;
  const Sampling& sampling = *rule.sampling;
  need(sampling.temperature > 0, "the temperature", sampling.temperature, "above 0");
  need(sampling.top_k >= 0, "top-k", sampling.top_k, "at least 0");
  need(sampling.top_p > 0 && sampling.top_p <= 1, "top-p", sampling.top_p, "above 0, at most 1");
}

Search::Search(TranslationModel& model, const SearchRule& rule)
    : model_(model),
      rule_(rule),
      fixed_rows_(!model.decodes_rows_independently()),
      state_(model.start_decoding()) {
  check_rule(rule);
  state_->is_aligning = rule.is_aligning;
}

Search::~Search() = default;

void Search::add(const std::vector<size_t>& numbers,
                 const std::vector<const SearchSource*>& sources) {
  const torch::NoGradGuard no_grad;
  std::vector<Pieces> pieces;
  for (const auto* source : sources)
    pieces.push_back(source->pieces);
  const auto handles = model_.encode(*state_, pieces);
  for (size_t i = 0; i < sources.size(); ++i) {
    const SearchSource& source = *sources[i];
    const size_t length = source.pieces.empty() ? 0 : source.pieces.size() - 1;  // without its end
    const auto most = length_limit(rule_.max_length_a, rule_.max_length_b, length, 1);
    const auto least = length_limit(rule_.min_length_a, rule_.min_length_b, length, 0);
    const auto limit = [&source](int64_t pieces_of_own) {
      return static_cast<size_t>(pieces_of_own) + source.num_hidden;
    };
    auto sentence = std::make_unique<Sentence>(
        Sentence{numbers[i], handles[i], source, limit(least), limit(most), {}, {}});
    // Equal rows would fill the beam with copies: only the first is live until they differ.
    const bool all_live = rule_.sampling.has_value();
    const size_t num_rows = all_live || fixed_rows_ ? static_cast<size_t>(rule_.beam) : 1;
    for (size_t k = 0; k < num_rows; ++k) {
      sentence->rows.push_back({{}, all_live || k == 0 ? 0 : -INFINITY, k});
      rows_.push_back({source.begin, -1, handles[i]});
    }
    open_.push_back(std::move(sentence));
  }
}

void Search::note_attended(const std::vector<int64_t>& first_row) {
  const auto& aligned = state_->aligned;
  if (aligned.size() != rows_.size())
    user_error("this model has no attention that would align its translations");
  for (size_t i = 0; i < open_.size(); ++i) {
    for (size_t k = 0; k < open_[i]->rows.size(); ++k)
      open_[i]->rows[k].attended = aligned[static_cast<size_t>(first_row[i]) + k];
  }
}

// Calls `choose(sentence, row of it, number of the row)` for all rows.
template <class Choose>
void Search::for_each_row(const std::vector<int64_t>& first_row, Choose choose) {
  constexpr int64_t kWorth = 4;  // sentences that are worth the start of a thread
  at::parallel_for(0, static_cast<int64_t>(open_.size()), kWorth, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Sentence& sentence = *open_[static_cast<size_t>(i)];
      int64_t number = first_row[static_cast<size_t>(i)];
      for (auto& row : sentence.rows)
        choose(sentence, row, number++);
    }
  });
}

void Search::choose_from(const torch::Tensor& logits_RV, const std::vector<int64_t>& first_row) {
  const auto here_RV = logits_RV.to(torch::kCPU).contiguous();
  const auto V = static_cast<size_t>(here_RV.size(1));
  auto* const logits = here_RV.data_ptr<float>();
  for_each_row(first_row, [&](Sentence& sentence, Sentence::Row& row, int64_t number) {
    sentence.choose(row, {logits + static_cast<size_t>(number) * V, V}, rule_);
  });
}

// How many pieces can follow all rows, if the largest logits tell which do; else 0.
int64_t Search::num_pieces_of_all(int64_t V) const {
  constexpr int64_t kExact = int64_t{1} << 24;  // integers below are exact in float32
  if (rule_.sampling || rule_.no_repeat_ngram > 0 || open_.empty() || V > kExact) return 0;
  const int32_t first = open_.front()->source.num_pieces;
  const bool is_same = std::all_of(open_.begin(), open_.end(), [first](const auto& sentence) {
    return sentence->source.num_pieces == first;
  });
  return is_same ? std::min<int64_t>(V, first) : 0;
}

// A device sorts its logits; the host reads a few of each row instead of all.
void Search::choose_on_device(const torch::Tensor& logits_RV, int64_t num_pieces,
                              const std::vector<int64_t>& first_row) {
  std::vector<int64_t> forced_R;
  for (const auto& sentence : open_) {
    const auto& prefix = sentence->source.prefix;
    const int32_t piece =
        sentence->length() < prefix.size() ? prefix[sentence->length()] : Special::kEnd;
    forced_R.insert(forced_R.end(), sentence->rows.size(), piece);
  }
  constexpr int64_t kForbiddenPieces = 3;  // pad, begin and perhaps the end
  const int64_t K = std::min(2 * rule_.beam + kForbiddenPieces, num_pieces);
  const auto [logit_RK, piece_RK] = logits_RV.slice(1, 0, num_pieces).topk(K, 1);
  const auto prefix_R1 = logits_RV.gather(1, to_device(torch::tensor(forced_R)).unsqueeze(1));
  const auto read = torch::cat({logits_RV.logsumexp(1, /*keepdim=*/true),
                                logits_RV.slice(1, Special::kEnd, Special::kEnd + 1), prefix_R1,
                                logit_RK, piece_RK.to(torch::kFloat)},
                               1)
                        .to(torch::kCPU)
                        .contiguous();
  const auto* const values = read.data_ptr<float>();
  const auto width = static_cast<size_t>(read.size(1)), k = static_cast<size_t>(K);
  for_each_row(first_row, [&](Sentence& sentence, Sentence::Row& row, int64_t number) {
    const auto* const at = values + static_cast<size_t>(number) * width;
    sentence.choose(row, LargestLogits{at[0], at[1], at[2], {at + 3, k}, {at + 3 + k, k}}, rule_);
  });
}

std::vector<SearchResult> Search::step() {
  const torch::NoGradGuard no_grad;
  const auto logits_RV = model_.step(*state_, rows_);
  std::vector<int64_t> first_row;
  int64_t num_rows = 0;
  for (const auto& sentence : open_) {
    first_row.push_back(num_rows);
    num_rows += static_cast<int64_t>(sentence->rows.size());
  }
  if (rule_.is_aligning && num_rows > 0) note_attended(first_row);
  const int64_t num_pieces = logits_RV.is_cpu() ? 0 : num_pieces_of_all(logits_RV.size(1));
  if (num_pieces > 0)
    choose_on_device(logits_RV, num_pieces, first_row);
  else
    choose_from(logits_RV, first_row);
  rows_.clear();
  std::vector<SearchResult> out;
  std::vector<std::unique_ptr<Sentence>> still_open;
  for (size_t i = 0; i < open_.size(); ++i) {
    Sentence& sentence = *open_[i];
    auto parents = rule_.sampling ? sentence.advance_drawn(rule_) : sentence.advance(rule_);
    if (sentence.is_done(rule_)) {
      model_.forget(*state_, sentence.handle);
      out.push_back(sentence.result(rule_));
      continue;
    }
    while (fixed_rows_ && sentence.rows.size() < static_cast<size_t>(rule_.beam)) {
      sentence.rows.push_back({{Special::kEnd}, -INFINITY});
      parents.push_back(0);
    }
    for (size_t k = 0; k < parents.size(); ++k)
      rows_.push_back({sentence.rows[k].pieces.back(), first_row[i] + parents[k], sentence.handle});
    still_open.push_back(std::move(open_[i]));
  }
  open_ = std::move(still_open);
  return out;
}

}  // namespace xp
