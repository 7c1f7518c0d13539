// Sentences in the order of their length: from a counter that the ranks share, or dealt out in
// batches.
#include "engine/eval/decode.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/comm/gather.h"
#include "engine/device/accelerator.h"

#include <algorithm>
#include <numeric>

namespace xp {
namespace {

/// Sentences that a rank translates at once: enough that each step reads the parameters for many.
constexpr int64_t kMaxOpen = 128;

int64_t length_of(const SearchSource& source) {
  return static_cast<int64_t>(source.pieces.size());
}

// Longest first: what is left for the end is short.
std::vector<size_t> by_length(const std::vector<SearchSource>& sources) {
  std::vector<size_t> order(sources.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return length_of(sources[a]) > length_of(sources[b]);
  });
  return order;
}

// Which sentences a rank translates next. The first ones are dealt out by turns, so that a rank
// that starts early does not take all; the others come from a counter that the ranks share.
class SentenceQueue {
 public:
  SentenceQueue(const std::vector<SearchSource>& sources, int64_t max_tokens, Group& world)
      : sources_(sources), order_(by_length(sources)), max_tokens_(max_tokens), world_(world) {
    auto number =
        torch::full({1}, world.rank() == 0 ? world.add_to_counter("queues", 1) : 0, torch::kLong);
    world.broadcast(number, 0);
    name_ = fmt::format("queue {}", number.item<int64_t>());
    if (order_.empty()) return;
    const auto total = static_cast<int64_t>(order_.size()), ranks = world.size();
    max_open_ = std::min(kMaxOpen, (total + ranks - 1) / ranks);
    const int64_t dealt = std::min(max_open_, max_tokens / length_of(sources[order_.front()]));
    for (int64_t i = world.rank(); i < std::min(total, dealt * ranks); i += ranks)
      reserve_.push_back(i);
    num_dealt_ = next_ = std::min(total, dealt * ranks);
  }

  // What has room beside the open sentences now.
  std::vector<size_t> take() {
    std::vector<size_t> out;
    const bool is_worth_it = open_ == 0 || 4 * open_ <= 3 * max_open_;
    while (is_worth_it && open_ < max_open_ && refill()) {
      const size_t sentence = order_[static_cast<size_t>(reserve_.front())];
      if (tokens_ + length_of(sources_[sentence]) > max_tokens_) break;
      reserve_.erase(reserve_.begin());
      tokens_ += length_of(sources_[sentence]);
      ++open_;
      out.push_back(sentence);
    }
    return out;
  }

  // Gives the room of finished sentences back; returns how many all ranks have finished.
  int64_t finish(const std::vector<SearchResult>& results) {
    for (const auto& result : results)
      tokens_ -= length_of(sources_[result.sentence]);
    const auto count = static_cast<int64_t>(results.size());
    open_ -= count;
    return world_.add_to_counter(name_ + " done", count) + count;
  }

 private:
  // Whether the reserve has a sentence. Asks for fewer the closer the end is.
  bool refill() {
    const auto total = static_cast<int64_t>(order_.size());
    if (!reserve_.empty() || next_ >= total) return !reserve_.empty();
    const int64_t wanted = std::clamp<int64_t>((total - next_) / (4 * world_.size()), 1, 16);
    const int64_t first = num_dealt_ + world_.add_to_counter(name_, wanted);
    next_ = first + wanted;
    for (int64_t i = first; i < std::min(next_, total); ++i)
      reserve_.push_back(i);
    return !reserve_.empty();
  }

  const std::vector<SearchSource>& sources_;
  std::vector<size_t> order_;
  int64_t max_tokens_, max_open_ = 0;
  Group& world_;
  std::string name_;
  std::vector<int64_t> reserve_;  // places in the order that are this rank's
  int64_t num_dealt_ = 0, next_ = 0, open_ = 0, tokens_ = 0;
};

// Batches of neighbours in length, longest first, a multiple of `ranks` of them (the last may be
// empty): rank r takes every ranks-th, so that ranks in the same round have about the same work.
std::vector<std::vector<size_t>> fixed_batches(const std::vector<SearchSource>& sources,
                                               int64_t max_tokens, int64_t ranks) {
  std::vector<std::vector<size_t>> out;
  // Batches of few sentences are so small that every rank gets some.
  const auto total = static_cast<int64_t>(sources.size());
  const int64_t max_sentences = std::max<int64_t>(1, (total + ranks - 1) / ranks);
  for (const size_t i : by_length(sources)) {
    const bool fits =
        !out.empty() &&
        length_of(sources[out.back().front()]) * static_cast<int64_t>(out.back().size() + 1) <=
            max_tokens &&
        static_cast<int64_t>(out.back().size()) < max_sentences;
    if (!fits) out.emplace_back();
    out.back().push_back(i);
  }
  while (out.size() % static_cast<size_t>(ranks) != 0)
    out.emplace_back();
  return out;
}

// One call of `translate` on this rank.
class Translation {
 public:
  Translation(TranslationModel& model, const std::vector<SearchSource>& sources,
              const DecodeRule& rule, Group& world, const DecodeProgress& progress)
      : model_(model),
        sources_(sources),
        rule_(rule),
        world_(world),
        progress_(progress),
        search_(model, rule.search) {}

  void from_queue() {
    SentenceQueue queue(sources_, rule_.max_tokens, world_);
    report(0);
    while (true) {
      const auto sentences = queue.take();
      const auto added = static_cast<int64_t>(sentences.size());
      const auto open = added + static_cast<int64_t>(search_.num_open());
      const auto [all_added, all_open] = sums(added, open);
      if (all_open == 0) return;
      if (all_added > 0) add(sentences);
      const auto finished = step();
      if (!finished.empty()) report(queue.finish(finished));
    }
  }

  void in_fixed_batches() {
    auto batches = fixed_batches(sources_, rule_.max_tokens, world_.size());
    const auto ranks = static_cast<size_t>(world_.size());
    deal_anew(batches, ranks, rule_.deal, [this](size_t i) { return mean_embedding(i); });
    int64_t done = 0;
    report(0);
    for (size_t round = 0; round < batches.size(); round += ranks) {
      add(batches[round + static_cast<size_t>(world_.rank())]);
      while (sums(0, static_cast<int64_t>(search_.num_open())).second > 0)
        step();
      for (size_t rank = 0; rank < ranks; ++rank)
        done += static_cast<int64_t>(batches[round + rank].size());
      report(done);
    }
  }

  std::vector<SearchResult> take_results() { return std::move(results_); }

  // Some are skipped, the last is not.
  void report(int64_t done) {
    const auto total = static_cast<int64_t>(sources_.size());
    if (!progress_ || done == reported_) return;
    if (reported_ >= 0 && done < total && 100 * (done - reported_) < total) return;
    progress_(done, total);
    reported_ = done;
  }

 private:
  // Over the ranks if their model is collective, else what is given.
  std::pair<int64_t, int64_t> sums(int64_t first, int64_t second) {
    if (!model_.is_collective()) return {first, second};
    auto both = torch::tensor({first, second}, torch::kLong);
    world_.all_reduce_sum(both);
    return {both[0].item<int64_t>(), both[1].item<int64_t>()};
  }

  void add(const std::vector<size_t>& sentences) {
    std::vector<const SearchSource*> sources;
    for (const size_t i : sentences)
      sources.push_back(&sources_[i]);
    search_.add(sentences, sources);
  }

  torch::Tensor mean_embedding(size_t sentence) const {
    const auto piece_S = torch::tensor(sources_[sentence].pieces, torch::kLong);
    return model_.source_embedding().index_select(0, to_device(piece_S)).mean(0);
  }

  std::vector<SearchResult> step() {
    auto finished = search_.step();
    results_.insert(results_.end(), finished.begin(), finished.end());
    return finished;
  }

  TranslationModel& model_;
  const std::vector<SearchSource>& sources_;
  const DecodeRule& rule_;
  Group& world_;
  const DecodeProgress& progress_;
  Search search_;
  std::vector<SearchResult> results_;
  int64_t reported_ = -1;
};

std::vector<std::vector<Hypothesis>> collect(const std::vector<SearchResult>& own, size_t total,
                                             Group& world) {
  Value texts = Value::array();
  for (const auto& result : own) {
    Value best = Value::array();
    for (const auto& hypothesis : result.best)
      best.push_back({hypothesis.pieces, hypothesis.log_p, hypothesis.score, hypothesis.aligned});
    texts.push_back({result.sentence, std::move(best)});
  }
  std::vector<std::vector<Hypothesis>> out(total);
  for (const auto& part : gather_texts(world, json_text(texts))) {
    for (const auto& item : Value::parse(part)) {
      for (const auto& best : item.at(1)) {
        out[item.at(0).get<size_t>()].push_back({best.at(0).get<Pieces>(), best.at(1).get<double>(),
                                                 best.at(2).get<double>(),
                                                 best.at(3).get<std::vector<int32_t>>()});
      }
    }
  }
  return out;
}

}  // namespace

std::vector<std::vector<Hypothesis>> translate(TranslationModel& model,
                                               const std::vector<SearchSource>& sources,
                                               const DecodeRule& rule, Group& world,
                                               const DecodeProgress& progress) {
  for (const auto& source : sources) {
    if (length_of(source) <= rule.max_tokens) continue;
    user_error("a sentence of {} pieces does not fit into 'max_tokens' = {} of [eval]; raise it",
               length_of(source), rule.max_tokens);
  }
  Translation translation(model, sources, rule, world, progress);
  if (model.decodes_rows_independently())
    translation.from_queue();
  else
    translation.in_fixed_batches();
  auto out = collect(translation.take_results(), sources.size(), world);
  translation.report(static_cast<int64_t>(sources.size()));  // other ranks may have ended last
  return out;
}

}  // namespace xp
