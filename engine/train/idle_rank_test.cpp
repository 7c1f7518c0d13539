// A rank without a batch beside one that has rows: it lends its experts and changes nothing.
#include "engine/data/corpus_fixture.h"
#include "engine/testing/ranks.h"
#include "engine/train/model_fixture.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct IdleRankTest : CorpusFixture {
  IdleRankTest() {
    put_many();
    corpus.emplace(opened());
    batch.source_BS = torch::tensor({{5, 6, 7, 2}}, torch::kLong);
    batch.target_in_BL = torch::tensor({{2, 7, 8}}, torch::kLong);
    batch.target_out_BL = torch::tensor({{7, 8, 2}}, torch::kLong);
    batch.num_sentences = 1;
    batch.num_tokens = 3;
  }
  std::shared_ptr<TranslationModel> model(const Groups& groups) const {
    return small_model(*corpus, groups,
                       {{"encoder_layers", 2}, {"dropout", 0.0}, {"moe", four_experts("gshard")}});
  }
  std::optional<PreparedCorpus> corpus;
  Batch batch;
};

TEST_CASE_METHOD(IdleRankTest, "rows meet the experts of the layer that they are in") {
  const auto hidden = [&](const Groups& groups) {
    const torch::NoGradGuard no_grad;
    const auto own = model(groups);
    own->eval();
    if (groups.world->rank() == 0) return own->forward(batch).h_TD;
    own->idle_forward();
    return torch::Tensor();
  };
  const auto expected = hidden(alone());
  CHECK(torch::allclose(on_ranks<torch::Tensor>({1, 2}, hidden)[0], expected, 1e-4, 1e-5));
  CHECK(torch::allclose(on_ranks<torch::Tensor>({2, 2}, hidden)[0], expected, 1e-4, 1e-5));
}

TEST_CASE_METHOD(IdleRankTest, "a rank may be without rows after it had some") {
  const auto ok = on_ranks<int>({1, 2}, [&](const Groups& groups) {
    const auto own = model(groups);
    own->train();
    for (const bool has_rows : {true, false}) {
      if (groups.world->rank() == 0 || has_rows) {
        const ModelOutput output = own->forward(batch);
        (output.h_TD.sum() + output.balance).backward();
      } else {
        own->idle_forward().backward();
      }
    }
    return 1;
  });
  CHECK(ok == std::vector<int>{1, 1});
}

}  // namespace
}  // namespace xp
