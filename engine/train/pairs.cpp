// Token files to tensors.
#include "engine/train/pairs.h"

#include "engine/base/error.h"
#include "engine/nn/padding.h"

#include <algorithm>

namespace xp {

Pairs::Pairs(const PreparedCorpus& corpus, const std::string& subset) {
  for (const auto& direction : corpus.directions()) {
    if (!corpus.has(subset, direction)) continue;
    Part part{corpus.tokens(subset, direction, Side::kSource),
              corpus.tokens(subset, direction, Side::kTarget), size()};
    const auto sources = part.source.lengths(), targets = part.target.lengths();
    for (size_t i = 0; i < sources.size(); ++i)
      lengths_.push_back({sources[i] + 1, targets[i] + 1});
    parts_.push_back(std::move(part));
  }
}

Batch Pairs::batch(const std::vector<uint32_t>& pairs) const {
  Batch out;
  out.num_sentences = static_cast<int64_t>(pairs.size());
  if (out.empty()) return out;
  std::vector<std::vector<int32_t>> sources, targets_in, targets_out;
  for (const uint32_t pair : pairs) {
    const auto after = std::upper_bound(parts_.begin(), parts_.end(), int64_t{pair},
                                        [](int64_t i, const Part& part) { return i < part.first; });
    const Part& part = *std::prev(after);
    auto source = part.source.sentence(pair - part.first),
         target = part.target.sentence(pair - part.first);
    auto& in = targets_in.emplace_back(1, Special::kEnd);
    in.insert(in.end(), target.begin(), target.end());
    source.push_back(Special::kEnd);
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

BatchStream::BatchStream(const Pairs& pairs, const BatchRule& rule, int64_t rank,
                         DataPosition start)
    : pairs_(pairs), rule_(rule), rank_(rank), position_(start) {
  epoch_ = plan_epoch(pairs_.lengths(), rule_, position_.epoch);
  if (epoch_.num_steps() == 0) {
    user_error("no training pair fits into 'max_tokens' = {}; the corpus has {} pairs",
               rule.max_tokens, pairs.size());
  }
}

Batch BatchStream::next() {
  if (position_.step == epoch_.num_steps()) {
    position_ = {position_.epoch + 1, 0};
    epoch_ = plan_epoch(pairs_.lengths(), rule_, position_.epoch);
  }
  return pairs_.batch(epoch_.batch(position_.step++, rank_));
}

double BatchStream::epochs() const {
  return static_cast<double>(position_.epoch) +
         static_cast<double>(position_.step) / static_cast<double>(epoch_.num_steps());
}

}  // namespace xp
