// Distributes sentences over the ranks by length, decodes them batch by batch, gathers the texts.
#include "engine/eval/evaluate.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/comm/gather.h"
#include "engine/nn/loss.h"

#include <algorithm>
#include <numeric>

namespace xp {
namespace {

// Batches of neighbours in length, longest first, a multiple of `ranks` of them (the last may be
// empty): rank r takes every ranks-th, so that ranks in the same round have about the same work.
std::vector<std::vector<int64_t>> decode_batches(const std::vector<uint32_t>& lengths,
                                                 int64_t max_tokens, int64_t ranks) {
  std::vector<int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  const auto length = [&lengths](int64_t i) {
    return static_cast<int64_t>(lengths[static_cast<size_t>(i)]) + 1;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return length(a) > length(b); });
  std::vector<std::vector<int64_t>> out;
  // Batches of few sentences are so small that every rank gets some.
  const int64_t max_sentences =
      std::max<int64_t>(1, (static_cast<int64_t>(order.size()) + ranks - 1) / ranks);
  for (const int64_t i : order) {
    if (length(i) > max_tokens) {
      user_error("a sentence of {} pieces does not fit into 'max_tokens' = {} of [eval]; raise it",
                 length(i), max_tokens);
    }
    const bool fits =
        !out.empty() &&
        length(out.back().front()) * static_cast<int64_t>(out.back().size() + 1) <= max_tokens &&
        static_cast<int64_t>(out.back().size()) < max_sentences;
    if (!fits) out.emplace_back();
    out.back().push_back(i);
  }
  while (out.size() % static_cast<size_t>(ranks) != 0)
    out.emplace_back();
  return out;
}

std::vector<std::string> collect(const std::map<int64_t, std::string>& own, size_t total,
                                 Group& world) {
  Value texts = Value::array();
  for (const auto& [index, text] : own)
    texts.push_back({index, text});
  std::vector<std::string> out(total);
  for (const auto& part : gather_texts(world, json_text(texts))) {
    for (const auto& item : Value::parse(part))
      out[item.at(0).get<size_t>()] = item.at(1).get<std::string>();
  }
  return out;
}

}  // namespace

std::vector<std::string> translate_subset(TranslationModel& model, const PreparedCorpus& corpus,
                                          const std::string& subset, const Direction& direction,
                                          const DecodeRule& rule, Group& world,
                                          const std::function<void(int64_t, int64_t)>& progress) {
  const TokenSet source = corpus.tokens(subset, direction, Side::kSource);
  auto lengths = source.lengths();
  const auto wanted = static_cast<size_t>(rule.max_sentences);
  if (wanted > 0 && lengths.size() > wanted) lengths.resize(wanted);
  const auto batches = decode_batches(lengths, rule.max_tokens, world.size());
  const auto& vocabulary = corpus.vocabulary(Side::kTarget);
  const SentenceFrame frame = corpus.frame(direction);
  const TagRule tags{frame.source_end, frame.target_begin, frame.target_first, vocabulary.size()};
  std::map<int64_t, std::string> own;
  int64_t done = 0;
  if (progress) progress(0, static_cast<int64_t>(lengths.size()));
  for (size_t round = 0; round < batches.size(); round += static_cast<size_t>(world.size())) {
    const auto& batch = batches[round + static_cast<size_t>(world.rank())];
    std::vector<Pieces> sources;
    for (const int64_t i : batch)
      sources.push_back(frame.source(source.sentence(i)));
    const auto targets = translate(model, sources, rule.beam, world, tags);
    for (size_t k = 0; k < batch.size(); ++k)
      own[batch[k]] = vocabulary.decode(targets[k]);
    for (int64_t rank = 0; rank < world.size(); ++rank) {
      done += static_cast<int64_t>(batches[round + static_cast<size_t>(rank)].size());
    }
    if (progress) progress(done, static_cast<int64_t>(lengths.size()));
  }
  return collect(own, lengths.size(), world);
}

bool has_sentences(const PreparedCorpus& corpus, const std::string& subset,
                   const Direction& direction) {
  return corpus.has(subset, direction) &&
         corpus.tokens(subset, direction, Side::kSource).size() > 0;
}

SubsetLoss loss_of(TranslationModel& model, const std::vector<Batch>& batches_of_rank,
                   Group& world) {
  const torch::NoGradGuard no_grad;
  auto sums = torch::zeros({2}, torch::kDouble);
  for (const auto& batch : batches_of_rank) {
    if (batch.empty()) {
      model.idle_forward();
      continue;
    }
    const ModelOutput output = model.forward(batch);
    sums[0] += cross_entropy(output.h_TD, output.output_VD, output.target_T, 0).nll.item<double>();
    sums[1] += static_cast<double>(batch.num_tokens);
  }
  world.all_reduce_sum(sums);
  return {sums[0].item<double>(), sums[1].item<double>()};
}

}  // namespace xp
