// Updates that come just before parameters are used.
#include "engine/train/late_update.h"

#include "engine/data/corpus_fixture.h"
#include "engine/testing/ranks.h"
#include "engine/train/model_fixture.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

constexpr int64_t kSmallChunk = 64;  // smaller than most parameters

struct LateUpdateTest : CorpusFixture {
  LateUpdateTest() {
    put_many();
    corpus.emplace(opened());
  }
  std::optional<PreparedCorpus> corpus;
};

Batch some_batch() {
  Batch out;
  out.source_BS = torch::tensor({{5, 6, 2}}, torch::kLong);
  out.target_in_BL = torch::tensor({{2, 7, 8}}, torch::kLong);
  out.target_out_BL = torch::tensor({{7, 8, 2}}, torch::kLong);
  out.num_sentences = 1;
  out.num_tokens = 3;
  return out;
}

/// A model whose gradients are 1 everywhere, summed over the ranks but not yet brought to all.
struct Summed {
  Summed(const PreparedCorpus& corpus, const Groups& groups, bool is_sharded = false)
      : model(small_model(corpus, groups, Value::object())),
        optimizer(make_part<Optimizer>({{"use", "adam"}})),
        parameters(*model, optimizer->state_names(), GradientReduction::kOwnFigures,
                   is_sharded ? groups.world.get() : nullptr),
        reduction(parameters.shared, groups, Wire::kExact, kSmallChunk),
        update(parameters.shared, reduction, *optimizer, *model, *groups.world) {
    model->train();
    reduction.begin();
    parameters.shared.gradients.fill_(1);
    reduction.finish();
    before = parameters.shared.values.clone();
  }
  void start() { update.start(torch::full({}, 0.5, torch::kDouble), 1, 0.125); }
  /// Whether all elements of a parameter have moved by the learning rate, and none of the rest.
  bool moved(const std::string& name) const {
    for (const auto& parameter : parameters.shared.parameters) {
      if (parameter.name != name) continue;
      const auto at = parameter.tensor.const_data_ptr<float>() -
                      parameters.shared.values.const_data_ptr<float>();
      const auto moved_by =
          before.slice(0, at, at + parameter.tensor.numel()) - parameter.tensor.flatten();
      return torch::allclose(moved_by, torch::full_like(moved_by, 0.125), 1e-3, 1e-5);
    }
    return false;
  }

  std::shared_ptr<TranslationModel> model;
  std::unique_ptr<Optimizer> optimizer;
  FlatParameters parameters;
  GradientReduction reduction;
  LateUpdate update;
  torch::Tensor before;
};

TEST_CASE_METHOD(LateUpdateTest, "a parameter has its update when the forward pass uses it") {
  for (const Topology& topology : {Topology{1, 2}, Topology{2, 1}, Topology{2, 2}}) {
    const auto ok = on_ranks<int>(topology, [&](const Groups& groups) {
      Summed summed(*corpus, groups);
      summed.start();
      const bool is_late = summed.parameters.shared.values.equal(summed.before);
      summed.model->forward(some_batch());
      const bool is_used = summed.moved("target_embedding.weight") &&
                           summed.moved("decoder_norm.weight") &&
                           summed.moved("encoder_norm.weight");
      const auto after = summed.parameters.shared.values.clone();
      summed.update.complete();  // nothing is left
      return is_late && is_used && after.equal(summed.parameters.shared.values);
    });
    CHECK(ok == std::vector<int>(static_cast<size_t>(topology.ranks()), 1));
  }
}

TEST_CASE_METHOD(LateUpdateTest, "a rank without work, and whoever asks, get the whole update") {
  const auto ok = on_ranks<int>({1, 2}, [&](const Groups& groups) {
    Summed idle(*corpus, groups), asked(*corpus, groups);
    idle.start();
    idle.model->idle_forward();
    asked.start();
    asked.update.complete();
    const auto expected = asked.before - 0.125;
    return torch::allclose(asked.parameters.shared.values, expected, 1e-3, 1e-5) &&
           idle.parameters.shared.values.equal(asked.parameters.shared.values);
  });
  CHECK(ok == std::vector<int>{1, 1});
}

TEST_CASE_METHOD(LateUpdateTest, "sharded state, no overlap and one rank leave nothing for later") {
  const auto is_complete = [&](const Groups& groups, bool is_sharded) {
    Summed summed(*corpus, groups, is_sharded);
    summed.start();
    return summed.moved("encoder_norm.weight");
  };
  const auto sharded = [&](const Groups& groups) -> int { return is_complete(groups, true); };
  const auto whole = [&](const Groups& groups) -> int { return is_complete(groups, false); };
  CHECK(on_ranks<int>({1, 2}, sharded) == std::vector<int>{1, 1});
  CHECK(on_ranks<int>({1, 2}, whole, /*overlap=*/false) == std::vector<int>{1, 1});
  CHECK(whole(alone()));
}

}  // namespace
}  // namespace xp
