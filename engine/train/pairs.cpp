// Token files to tensors.
#include "engine/train/pairs.h"

#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/nn/padding.h"

#include <algorithm>

namespace xp {

Pairs::Pairs(const PreparedCorpus& corpus, const std::string& subset) {
  for (const auto& direction : corpus.directions()) {
    if (!corpus.has(subset, direction)) continue;
    parts_.push_back({corpus.tokens(subset, direction, Side::kSource),
                      corpus.tokens(subset, direction, Side::kTarget), corpus.frame(direction)});
  }
  length_of_ = [this](PairId pair) -> PairLength {
    const Part& part = parts_[pair.part];
    return {part.source.length(pair.index) + part.frame.num_source_ids(),
            part.target.length(pair.index) + part.frame.num_target_ids()};
  };
}

std::vector<int64_t> Pairs::part_sizes() const {
  std::vector<int64_t> out;
  for (const auto& part : parts_)
    out.push_back(part.source.size());
  return out;
}

int64_t Pairs::size() const {
  int64_t sum = 0;
  for (const int64_t size : part_sizes())
    sum += size;
  return sum;
}

std::vector<PairLength> Pairs::lengths() const {
  std::vector<PairLength> out;
  out.reserve(static_cast<size_t>(size()));
  for (uint32_t part = 0; part < parts_.size(); ++part) {
    for (int64_t i = 0; i < parts_[part].source.size(); ++i)
      out.push_back(length_of_({part, i}));
  }
  return out;
}

Pairs::TooLong Pairs::too_long(int64_t max_tokens, int64_t rank, int64_t ranks) const {
  TooLong out;
  int64_t first = rank;  // of this part
  for (uint32_t part = 0; part < parts_.size(); ++part) {
    const int64_t size = parts_[part].source.size();
    int64_t i = first;
    for (; i < size; i += ranks) {
      const int64_t length = length_of_({part, i}).longest();
      if (length <= max_tokens) continue;
      ++out.count;
      out.longest = std::max(out.longest, length);
    }
    first = i - size;
  }
  return out;
}

Batch Pairs::batch(const std::vector<uint32_t>& pairs) const {
  std::vector<PairId> ids;
  for (int64_t pair : pairs) {
    uint32_t part = 0;
    for (; pair >= parts_[part].source.size(); ++part)
      pair -= parts_[part].source.size();
    ids.push_back({part, pair});
  }
  return batch(ids);
}

Batch Pairs::batch(const std::vector<PairId>& pairs) const {
  Batch out;
  out.num_sentences = static_cast<int64_t>(pairs.size());
  if (out.empty()) return out;
  std::vector<std::vector<int32_t>> sources, targets_in, targets_out;
  for (const auto& pair : pairs) {
    const Part& part = parts_[pair.part];
    auto source = part.frame.source(part.source.sentence(pair.index));
    source.push_back(part.frame.source_end);
    auto target = part.target.sentence(pair.index);
    if (part.frame.target_first) target.insert(target.begin(), *part.frame.target_first);
    auto& in = targets_in.emplace_back();
    in.push_back(part.frame.target_begin);
    in.insert(in.end(), target.begin(), target.end());
    target.push_back(Special::kEnd);
    out.num_tokens += static_cast<int64_t>(target.size());
    sources.push_back(std::move(source));
    targets_out.push_back(std::move(target));
  }
  out.source_BS = padded(sources);
  out.target_in_BL = padded(targets_in);
  out.target_out_BL = padded(targets_out);
  return out;
}

Batch part_of(const Batch& batch, int64_t part, int64_t parts) {
  if (parts == 1) return batch;
  const int64_t begin = batch.num_sentences * part / parts;
  Batch out;
  out.num_sentences = batch.num_sentences * (part + 1) / parts - begin;
  if (out.empty()) return out;
  out.source_BS = batch.source_BS.narrow(0, begin, out.num_sentences);
  out.target_in_BL = batch.target_in_BL.narrow(0, begin, out.num_sentences);
  out.target_out_BL = batch.target_out_BL.narrow(0, begin, out.num_sentences);
  out.num_tokens = out.target_out_BL.ne(Special::kPad).sum().item<int64_t>();
  return out;
}

BatchStream::BatchStream(const Pairs& pairs, const BatchRule& rule, const SamplingSection& sampling,
                         int64_t rank, DataPosition start, Agree agree)
    : pairs_(pairs),
      rule_{rule},
      rank_(rank),
      position_(std::move(start)),
      agree_(std::move(agree)),
      sampler_(pairs.part_sizes(), sampling, rule.seed) {
  if (position_.ranks != rule.ranks) {
    if (position_.step > 0) position_.used.push_back({position_.ranks, position_.step});
    position_.step = 0;
    position_.ranks = rule.ranks;
  }
  if (sampler_.size() == 0) user_error("the corpus has no training pair");
  enter(Window(sampler_, pairs_.length_of(), rule_, rank_, position_.epoch, position_.window,
               position_.used));
  make_batch();
}

void BatchStream::enter(Window window) {
  window_.emplace(std::move(window));
  window_->agree(agree_(window_->num_needed()));
  const bool is_last = position_.window + 1 == Window::count(sampler_, rule_);
  const int64_t epoch = position_.epoch + (is_last ? 1 : 0);
  const int64_t next = is_last ? 0 : position_.window + 1;
  next_window_ = std::async(std::launch::async, [this, epoch, next] {
    return Window(sampler_, pairs_.length_of(), rule_, rank_, epoch, next);
  });
}

// Moves to the next window that has a step, and starts to make its batch.
void BatchStream::make_batch() {
  const int64_t windows = Window::count(sampler_, rule_);
  for (int64_t empty = 0; position_.step >= window_->num_steps(); ++empty) {
    if (empty > windows) {
      user_error("no training pair fits into 'max_tokens' = {}; the corpus has {} pairs",
                 rule_.batches.max_tokens, pairs_.size());
    }
    const bool is_last = position_.window + 1 == windows;
    position_.epoch += is_last ? 1 : 0;
    position_.window = is_last ? 0 : position_.window + 1;
    position_.step = 0;
    position_.used.clear();
    enter(next_window_.get());
  }
  next_batch_ = std::async(std::launch::async, [this, step = position_.step] {
    Batch out = pairs_.batch(window_->batch(step));
    for (auto* tensor : {&out.source_BS, &out.target_in_BL, &out.target_out_BL})
      *tensor = pinned(*tensor);
    return out;
  });
}

Batch BatchStream::next() {
  Batch out = next_batch_.get();
  ++position_.step;
  make_batch();
  return out;
}

double BatchStream::epochs() const {
  const double window = static_cast<double>(Window::count(sampler_, rule_));
  const double share = window_->num_steps() == 0 ? 0
                                                 : static_cast<double>(position_.step) /
                                                       static_cast<double>(window_->num_steps());
  return static_cast<double>(position_.epoch) +
         (static_cast<double>(position_.window) + share) / window;
}

}  // namespace xp
