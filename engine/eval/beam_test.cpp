// Beam search on a model whose next piece depends only on the last one, so that expectations can be
// worked out by hand.
#include "engine/eval/beam.h"

#include "registry/tokenizer.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int64_t kA = 4, kB = 5, kC = 6, kVocabulary = 7;

struct Chain final : TranslationModel {
  // p[last][next]; an empty row ends at once.
  std::map<int64_t, std::map<int64_t, double>> p;
  int64_t rows = 0;

  struct Nothing final : DecodeState {};
  ModelOutput forward(const Batch&) override { return {}; }
  torch::Tensor idle_forward() override { return torch::zeros({}); }
  std::unique_ptr<DecodeState> start(const torch::Tensor& source_BS, int64_t beam) override {
    rows = source_BS.size(0) * beam;
    return std::make_unique<Nothing>();
  }
  torch::Tensor step(DecodeState&, const torch::Tensor& piece_R) override {
    auto logits = torch::full({piece_R.size(0), kVocabulary}, -1e4F);
    for (int64_t row = 0; row < piece_R.size(0); ++row) {
      auto next = p[piece_R[row].item<int64_t>()];
      if (next.empty()) next[Special::kEnd] = 1;
      for (const auto& [piece, probability] : next)
        logits[row][piece] = std::log(probability);
    }
    return logits;
  }
  void reorder(DecodeState&, const torch::Tensor& from_R) override { rows = from_R.size(0); }
  void idle_start() override {}
  void idle_step() override {}
  bool is_collective() const override { return false; }
  std::vector<Parameter> parameter_list() override { return {}; }
  MoeMetrics take_metrics() override { return {}; }
};

// Greedy takes A (0.6) and then must take B at 0.3; C then ends surely: 0.4 beats 0.18.
Chain garden_path() {
  Chain chain;
  chain.p[Special::kEnd] = {{kA, 0.6}, {kC, 0.4}};
  chain.p[kA] = {{kB, 0.3}, {kA, 0.25}, {kC, 0.25}, {Special::kEnd, 0.2}};
  return chain;
}

std::vector<Pieces> run(Chain chain, const std::vector<Pieces>& sources, const BeamRule& rule) {
  return translate(chain, sources, rule, *alone().world);
}

}  // namespace

TEST_CASE("greedy follows the best next piece, a beam finds the better sentence") {
  CHECK(run(garden_path(), {{kA}}, {.beam = 1}) == std::vector<Pieces>{{kA, kB}});
  CHECK(run(garden_path(), {{kA}}, {.beam = 3, .length_penalty = 0}) == std::vector<Pieces>{{kC}});
}

TEST_CASE("no hypothesis is longer than max_length_a and max_length_b allow") {
  Chain endless;
  endless.p[Special::kEnd] = {{kA, 1.0}};
  endless.p[kA] = {{kA, 1.0}};
  CHECK(run(endless, {{kA, kA}}, {.beam = 1, .max_length_a = 1, .max_length_b = 1}) ==
        std::vector<Pieces>{{kA, kA, kA}});
}

TEST_CASE(
    "a sentence is translated the same alone and in a batch whose others end earlier or later") {
  const std::vector<Pieces> sources = {{kA}, {kA, kB, kC}, {kB}};
  for (const int64_t beam : {1, 2, 4}) {
    const auto together = run(garden_path(), sources, {.beam = beam});
    for (size_t i = 0; i < sources.size(); ++i) {
      CHECK(run(garden_path(), {sources[i]}, {.beam = beam}) == std::vector<Pieces>{together[i]});
    }
  }
}

TEST_CASE("a beam wider than the vocabulary works") {
  CHECK(run(garden_path(), {{kA}}, {.beam = 20, .length_penalty = 0}) == std::vector<Pieces>{{kC}});
}

TEST_CASE("nothing to translate gives nothing") {
  CHECK(run(garden_path(), {}, {}).empty());
}
