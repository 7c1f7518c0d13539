// Beam search: tensors for scores, plain loops over a few candidates per sentence for the rest.
#include "engine/eval/beam.h"

#include "engine/base/error.h"
#include "engine/base/to_integer.h"
#include "engine/nn/padding.h"
#include "registry/tokenizer.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// An open or finished hypothesis.
struct Hypothesis {
  Pieces pieces;
  double log_p = 0;
};

struct Sentence {
  size_t index;                  // into the sources
  int64_t max_length;            // pieces, without </s>
  std::vector<Hypothesis> rows;  // K of them
  std::vector<std::pair<double, Pieces>> finished;
};

struct Candidate {
  double log_p;
  int64_t row;  // 0 .. K - 1
  int32_t piece;
};

// Without </s>, at least 1.
int64_t max_length(const BeamRule& rule, size_t source_length) {
  const double length = rule.max_length_a * static_cast<double>(source_length) + rule.max_length_b;
  return to_integer(std::clamp(length, 1.0, BeamRule::kMaxLength));
}

class Search {
 public:
  Search(TranslationModel& model, const std::vector<Pieces>& sources, const BeamRule& rule,
         const TagRule& tags)
      : model_(model), rule_(rule), tags_(tags), results_(sources.size()) {
    std::vector<Pieces> with_end = sources;
    for (auto& source : with_end)
      source.push_back(tags.source_end);
    for (size_t i = 0; i < sources.size(); ++i) {
      open_.push_back({i, max_length(rule, sources[i].size()) + (tags.first ? 1 : 0), {}, {}});
      open_.back().rows.resize(static_cast<size_t>(rule.beam));
      // Equal prefixes would fill the beam with copies: only the first row is open at first.
      for (size_t k = 1; k < open_.back().rows.size(); ++k)
        open_.back().rows[k].log_p = -INFINITY;
    }
    if (!sources.empty()) state_ = model.start(padded(with_end), rule.beam);
  }

  bool is_done() const { return open_.empty(); }

  void step() {
    const auto piece_R = last_pieces();
    auto log_p_RV = torch::log_softmax(model_.step(*state_, piece_R), /*dim=*/1, torch::kFloat);
    log_p_RV.select(1, Special::kPad).fill_(-INFINITY);
    log_p_RV.select(1, Special::kBegin).fill_(-INFINITY);
    forbid_tags(log_p_RV);
    const int64_t width = std::min(2 * rule_.beam, log_p_RV.size(1));
    const auto [best_RW, piece_RW] = log_p_RV.topk(width, 1);
    const auto end_R = log_p_RV.select(1, Special::kEnd).contiguous();
    const auto best = best_RW.contiguous(), piece = piece_RW.contiguous();
    std::vector<int64_t> from;
    std::vector<Sentence> still_open;
    for (size_t b = 0; b < open_.size(); ++b) {
      const int64_t first = static_cast<int64_t>(b) * rule_.beam;
      auto candidates = candidates_of(open_[b], best.data_ptr<float>() + first * width,
                                      piece.data_ptr<int64_t>() + first * width, width,
                                      end_R.data_ptr<float>() + first);
      const auto origins = advance(open_[b], std::move(candidates));
      if (close(open_[b])) continue;
      for (const int64_t row : origins)
        from.push_back(first + row);
      still_open.push_back(std::move(open_[b]));
    }
    open_ = std::move(still_open);
    ++length_;
    if (!open_.empty()) model_.reorder(*state_, torch::tensor(from, torch::kLong));
  }

  std::vector<Pieces> take() {
    for (auto& pieces : results_)
      if (tags_.first && !pieces.empty()) pieces.erase(pieces.begin());
    return std::move(results_);
  }

 private:
  // If there is a tag, only it can come first; no tag can come later.
  void forbid_tags(torch::Tensor& log_p_RV) const {
    if (length_ == 0 && tags_.first) {
      const auto tag_R = log_p_RV.select(1, *tags_.first).clone();
      log_p_RV.fill_(-INFINITY);
      log_p_RV.select(1, *tags_.first).copy_(tag_R);
    } else if (tags_.num_pieces > 0) {
      log_p_RV.slice(1, tags_.num_pieces).fill_(-INFINITY);
    }
  }

  torch::Tensor last_pieces() const {
    std::vector<int64_t> out;
    for (const auto& sentence : open_) {
      for (const auto& row : sentence.rows)
        out.push_back(row.pieces.empty() ? tags_.begin : row.pieces.back());
    }
    return torch::tensor(out, torch::kLong);
  }

  // The best continuations of a sentence, best first; only </s> at its maximum length.
  std::vector<Candidate> candidates_of(const Sentence& sentence, const float* best,
                                       const int64_t* piece, int64_t width,
                                       const float* end) const {
    std::vector<Candidate> out;
    for (int64_t k = 0; k < rule_.beam; ++k) {
      const double so_far = sentence.rows[static_cast<size_t>(k)].log_p;
      if (std::isinf(so_far)) continue;
      if (length_ >= sentence.max_length) {
        out.push_back({so_far + end[k], k, Special::kEnd});
        continue;
      }
      for (int64_t w = 0; w < width && !std::isinf(best[k * width + w]); ++w) {
        out.push_back(
            {so_far + best[k * width + w], k, static_cast<int32_t>(piece[k * width + w])});
      }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Candidate& a, const Candidate& b) { return a.log_p > b.log_p; });
    if (out.size() > static_cast<size_t>(2 * rule_.beam))
      out.resize(static_cast<size_t>(2 * rule_.beam));
    return out;
  }

  // Finishes hypotheses among the best K, extends the best K others; returns the parent row of
  // each.
  std::vector<int64_t> advance(Sentence& sentence, std::vector<Candidate> candidates) const {
    std::vector<Hypothesis> next;
    std::vector<int64_t> origins;
    const auto beam = static_cast<size_t>(rule_.beam);
    for (size_t i = 0; i < candidates.size() && next.size() < beam; ++i) {
      const Candidate& candidate = candidates[i];
      const Hypothesis& parent = sentence.rows[static_cast<size_t>(candidate.row)];
      if (candidate.piece == Special::kEnd) {
        if (i >= beam || sentence.finished.size() >= beam) continue;
        const double length = static_cast<double>(parent.pieces.size() + 1);
        sentence.finished.emplace_back(candidate.log_p / std::pow(length, rule_.length_penalty),
                                       parent.pieces);
        continue;
      }
      next.push_back({parent.pieces, candidate.log_p});
      next.back().pieces.push_back(candidate.piece);
      origins.push_back(candidate.row);
    }
    while (next.size() < beam) {  // rows without a hypothesis keep the shape
      next.push_back({{Special::kEnd}, -INFINITY});
      origins.push_back(0);
    }
    sentence.rows = std::move(next);
    return origins;
  }

  bool close(Sentence& sentence) {
    const bool is_open = std::any_of(sentence.rows.begin(), sentence.rows.end(),
                                     [](const Hypothesis& row) { return !std::isinf(row.log_p); });
    if (is_open && sentence.finished.size() < static_cast<size_t>(rule_.beam)) return false;
    const auto best =
        std::max_element(sentence.finished.begin(), sentence.finished.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
    if (best != sentence.finished.end()) results_[sentence.index] = best->second;
    return true;
  }

  TranslationModel& model_;
  BeamRule rule_;
  TagRule tags_;
  std::vector<Sentence> open_;
  std::vector<Pieces> results_;
  std::unique_ptr<DecodeState> state_;
  int64_t length_ = 0;
};

}  // namespace

std::vector<Pieces> translate(TranslationModel& model, const std::vector<Pieces>& sources,
                              const BeamRule& rule, Group& world, const TagRule& tags) {
  const torch::NoGradGuard no_grad;
  if (sources.empty()) model.idle_start();
  Search search(model, sources, rule, tags);
  if (!model.is_collective()) {
    while (!search.is_done())
      search.step();
    return search.take();
  }
  while (true) {
    auto open = torch::full({1}, search.is_done() ? 0 : 1, torch::kLong);
    world.all_reduce_sum(open);
    if (open.item<int64_t>() == 0) return search.take();
    if (search.is_done())
      model.idle_step();
    else
      search.step();
  }
}

}  // namespace xp
