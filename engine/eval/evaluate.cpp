// From token files to sentences to translate, and back to text.
#include "engine/eval/evaluate.h"

#include "engine/nn/loss.h"

#include <algorithm>

namespace xp {
SearchSource search_source(const PreparedCorpus& corpus, const Direction& direction,
                           const Pieces& pieces) {
  const SentenceFrame frame = corpus.frame(direction);
  SearchSource out;
  out.pieces = frame.source(pieces);
  out.pieces.push_back(frame.source_end);
  out.begin = frame.target_begin;
  if (frame.target_first) out.prefix = {*frame.target_first};
  out.num_hidden = out.prefix.size();
  out.num_pieces = corpus.vocabulary(Side::kTarget).size();
  return out;
}

std::vector<std::string> translate_subset(TranslationModel& model, const PreparedCorpus& corpus,
                                          const std::string& subset, const Direction& direction,
                                          const SubsetRule& rule, Group& world,
                                          const DecodeProgress& progress) {
  const TokenSet tokens = corpus.tokens(subset, direction, Side::kSource);
  auto count = static_cast<int64_t>(tokens.size());
  if (rule.max_sentences > 0) count = std::min(count, rule.max_sentences);
  std::vector<SearchSource> sources;
  for (int64_t i = 0; i < count; ++i)
    sources.push_back(search_source(corpus, direction, tokens.sentence(i)));
  const auto& vocabulary = corpus.vocabulary(Side::kTarget);
  std::vector<std::string> out;
  for (const auto& best : translate(model, sources, rule.decode, world, progress))
    out.push_back(best.empty() ? "" : vocabulary.decode(best.front().pieces));
  return out;
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
