// Search on a model whose next piece depends only on the last one, so that expectations can be
// worked out by hand; and against a search that enumerates.
#include "engine/eval/search.h"

#include "engine/base/error.h"
#include "engine/eval/decode.h"
#include "engine/testing/message.h"
#include "registry/tokenizer.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <map>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int32_t kA = 4, kB = 5, kC = 6, kNumPieces = 7;

struct Chain final : TranslationModel {
  // p[last][next]; an empty row ends at once.
  std::map<int64_t, std::map<int64_t, double>> p;
  std::map<int64_t, int32_t> attended;  // by the last piece
  bool independent = true;
  int64_t num_encoded = 0, num_forgotten = 0;
  std::vector<size_t> rows_of_steps;

  struct Nothing final : DecodeState {};
  ModelOutput forward(const Batch&) override { return {}; }
  torch::Tensor idle_forward() override { return torch::zeros({}); }
  std::unique_ptr<DecodeState> start_decoding() override { return std::make_unique<Nothing>(); }
  std::vector<int64_t> encode(DecodeState&, const std::vector<Pieces>& sources) override {
    std::vector<int64_t> out;
    for (size_t i = 0; i < sources.size(); ++i)
      out.push_back(num_encoded++);
    return out;
  }
  torch::Tensor step(DecodeState& state, const std::vector<DecodeRow>& rows) override {
    rows_of_steps.push_back(rows.size());
    state.aligned.clear();
    for (const auto& row : rows)
      if (state.is_aligning && !attended.empty()) state.aligned.push_back(attended[row.piece]);
    auto logits = torch::full({static_cast<int64_t>(rows.size()), kNumPieces}, -1e4F);
    for (size_t row = 0; row < rows.size(); ++row) {
      auto next = p[rows[row].piece];
      if (next.empty()) next[Special::kEnd] = 1;
      for (const auto& [piece, probability] : next)
        logits[static_cast<int64_t>(row)][piece] = std::log(probability);
    }
    return logits;
  }
  void forget(DecodeState&, int64_t) override { ++num_forgotten; }
  bool decodes_rows_independently() const override { return independent; }
  torch::Tensor source_embedding() const override { return torch::zeros({kNumPieces, 2}); }
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

Chain endless() {
  Chain chain;
  chain.p[Special::kEnd] = {{kA, 1.0}};
  chain.p[kA] = {{kA, 0.8}, {kB, 0.15}, {Special::kEnd, 0.05}};
  chain.p[kB] = {{kA, 0.9}, {Special::kEnd, 0.1}};
  return chain;
}

SearchSource source_of(size_t length) {
  SearchSource out;
  out.pieces.assign(length, kA);
  out.pieces.push_back(Special::kEnd);
  return out;
}

std::vector<std::vector<Hypothesis>> search(Chain chain, const std::vector<SearchSource>& sources,
                                            const SearchRule& rule, int64_t max_tokens = 6000) {
  return translate(chain, sources, {rule, max_tokens}, *alone().world);
}

Pieces best(const Chain& chain, const SearchRule& rule, const SearchSource& source = source_of(1)) {
  return search(chain, {source}, rule).front().front().pieces;
}

std::string refusal(const SearchRule& rule) {
  return message_of([&] { search(garden_path(), {source_of(1)}, rule); });
}

}  // namespace

TEST_CASE("greedy follows the best next piece, a beam finds the better sentence") {
  CHECK(best(garden_path(), {.beam = 1}) == Pieces{kA, kB});
  CHECK(best(garden_path(), {.beam = 3, .length_penalty = 0}) == Pieces{kC});
}

TEST_CASE("hypotheses come with their scores, best first, as many as asked") {
  const auto found =
      search(garden_path(), {source_of(1)}, {.beam = 4, .length_penalty = 0, .num_best = 3})
          .front();
  REQUIRE(found.size() == 3);
  CHECK(found[0].pieces == Pieces{kC});
  CHECK(found[1].pieces == Pieces{kA, kB});
  CHECK(found[2].pieces == Pieces{kA, kC});
  CHECK(std::exp(found[0].score) == Catch::Approx(0.4));
  CHECK(std::exp(found[1].score) == Catch::Approx(0.18));
  CHECK(std::exp(found[2].score) == Catch::Approx(0.15));
  const auto halved = search(garden_path(), {source_of(1)}, {.beam = 1, .length_penalty = 2});
  CHECK(halved.front().front().score == Catch::Approx(std::log(0.18) / 9));
  CHECK(halved.front().front().log_p == Catch::Approx(std::log(0.18)));
}

TEST_CASE("no hypothesis is longer than max_length_a and max_length_b allow") {
  CHECK(best(endless(), {.beam = 1, .max_length_a = 1, .max_length_b = 1}, source_of(2)) ==
        Pieces{kA, kA, kA});
}

TEST_CASE("no hypothesis is shorter than min_length_a and min_length_b ask, but for the maximum") {
  Chain chain = garden_path();
  chain.p[kC] = {{Special::kEnd, 0.9}, {kB, 0.1}};
  chain.p[kB] = {{Special::kEnd, 0.9}, {kC, 0.1}};
  CHECK(best(chain, {.beam = 1, .min_length_a = 1, .min_length_b = 1}, source_of(3)) ==
        Pieces{kA, kB, kC, kB});
  CHECK(best(chain, {.beam = 1, .max_length_a = 0, .max_length_b = 2, .min_length_b = 9}) ==
        Pieces{kA, kB});
}

TEST_CASE("no n-gram comes twice if that is asked") {
  CHECK(best(endless(), {.beam = 1, .max_length_a = 0, .max_length_b = 6, .no_repeat_ngram = 2}) ==
        Pieces{kA, kA, kB, kA});
  CHECK(best(endless(), {.beam = 1, .max_length_a = 0, .max_length_b = 6, .no_repeat_ngram = 1}) ==
        Pieces{kA, kB});
}

TEST_CASE("a translation begins with the forced prefix, of which tags are left out") {
  SearchSource source = source_of(1);
  source.prefix = {kC, kA};
  CHECK(best(garden_path(), {.beam = 2, .length_penalty = 0}, source) == Pieces{kC, kA, kB});
  source.num_hidden = 1;
  const auto found = search(garden_path(), {source}, {.beam = 1, .length_penalty = 0}).front();
  CHECK(found.front().pieces == Pieces{kA, kB});
  CHECK(found.front().log_p < -1e3);  // the model did not want A after C
}

TEST_CASE("ids of tags are never predicted") {
  SearchSource source = source_of(1);
  source.num_pieces = kC;
  CHECK(best(garden_path(), {.beam = 3, .length_penalty = 0}, source) == Pieces{kA, kB});
}

TEST_CASE("sampling draws by probability, the same for a sentence wherever it stands") {
  Chain chain;
  chain.p[Special::kEnd] = {{kA, 0.6}, {kB, 0.3}, {kC, 0.1}};
  const std::vector<SearchSource> sources(2000, source_of(1));
  const auto share = [&](const Sampling& sampling, int32_t piece) {
    double count = 0;
    for (const auto& found : search(chain, sources, {.beam = 1, .sampling = sampling}))
      count += found.front().pieces == Pieces{piece} ? 1 : 0;
    return count / 2000;
  };
  CHECK(share({}, kA) == Catch::Approx(0.6).margin(0.04));
  CHECK(share({}, kC) == Catch::Approx(0.1).margin(0.03));
  CHECK(share({.temperature = 0.5}, kA) == Catch::Approx(0.36 / 0.46).margin(0.04));
  CHECK(share({.top_k = 2}, kA) == Catch::Approx(0.6 / 0.9).margin(0.04));
  CHECK(share({.top_k = 2}, kC) == 0);
  CHECK(share({.top_p = 0.5}, kA) == 1);

  const SearchRule rule{.beam = 3, .num_best = 3, .sampling = Sampling{.seed = 7}};
  const auto wide = search(endless(), {sources.begin(), sources.begin() + 40}, rule);
  const auto narrow = search(endless(), {sources.begin(), sources.begin() + 40}, rule, 2);
  for (size_t i = 0; i < wide.size(); ++i) {
    for (size_t k = 0; k < 3; ++k)
      CHECK(wide[i].at(k).pieces == narrow[i].at(k).pieces);
  }
}

TEST_CASE("draws are those of a sentence's draw number, wherever it is added") {
  const SearchRule rule{.beam = 1, .sampling = Sampling{.seed = 7}};
  std::vector<SearchSource> sources(3, source_of(9));
  sources[0].draw_number = 2;
  const auto found = search(endless(), sources, rule);
  CHECK(found[0].front().pieces == found[2].front().pieces);
  CHECK(found[0].front().pieces != found[1].front().pieces);
}

TEST_CASE("a hypothesis says what each of its pieces attends to when it is chosen") {
  Chain chain = garden_path();
  chain.attended = {{Special::kEnd, 1}, {kA, 0}, {kC, 5}};
  SearchRule rule{.beam = 1, .is_aligning = true};
  const auto found = search(chain, {source_of(1)}, rule).front().front();
  CHECK(found.pieces == Pieces{kA, kB});
  CHECK(found.aligned == std::vector<int32_t>{1, 0});

  SearchSource tagged = source_of(1);
  tagged.prefix = {kA};
  tagged.num_hidden = 1;
  CHECK(search(chain, {tagged}, rule).front().front().aligned == std::vector<int32_t>{0});

  rule.is_aligning = false;
  CHECK(search(chain, {source_of(1)}, rule).front().front().aligned.empty());
  chain.attended.clear();
  rule.is_aligning = true;
  CHECK(message_of([&] { search(chain, {source_of(1)}, rule); }) ==
        "this model has no attention that would align its translations");
}

TEST_CASE("a sentence is translated the same alone and among others that end earlier or later") {
  const std::vector<SearchSource> sources = {source_of(1), source_of(3), source_of(2)};
  for (const bool independent : {true, false}) {
    for (const int64_t beam : {1, 2, 4}) {
      Chain chain = garden_path();
      chain.independent = independent;
      const auto together = search(chain, sources, {.beam = beam});
      for (size_t i = 0; i < sources.size(); ++i)
        CHECK(best(chain, {.beam = beam}, sources[i]) == together[i].front().pieces);
    }
  }
}

TEST_CASE("a finished sentence makes room for the next one") {
  Chain chain = endless();
  const std::vector<SearchSource> sources = {source_of(1), source_of(9), source_of(1),
                                             source_of(1)};
  const Groups one = alone();
  const SearchRule rule{.beam = 1, .max_length_a = 2, .max_length_b = 0};
  translate(chain, sources, {rule, 12}, *one.world);
  CHECK(chain.num_encoded == 4);
  CHECK(chain.num_forgotten == 4);
  // 18 pieces and the end of the longest; the short ones, of 3 steps, one after the other beside
  // it.
  const std::vector<size_t> expected = {2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  CHECK(chain.rows_of_steps == expected);
}

TEST_CASE("a beam wider than the vocabulary works") {
  CHECK(best(garden_path(), {.beam = 20, .length_penalty = 0}) == Pieces{kC});
}

TEST_CASE("nothing to translate gives nothing") {
  CHECK(search(garden_path(), {}, {}).empty());
}

TEST_CASE("an empty source is translated") {
  CHECK(best(garden_path(), {.beam = 1}, source_of(0)) == Pieces{kA, kB});
}

TEST_CASE("a model whose logits are not numbers gives empty translations") {
  Chain chain;
  chain.p[Special::kEnd] = {{kA, std::nan("")}};
  CHECK(best(chain, {.beam = 2}).empty());
}

TEST_CASE("rules that cannot be followed are refused with the fix") {
  CHECK(refusal({.beam = 0}) == "the beam is 0; must be at least 1");
  CHECK(refusal({.beam = 2, .num_best = 3}) ==
        "3 hypotheses are asked of a beam of 2; use a beam of at least 3");
  CHECK(refusal({.no_repeat_ngram = -1}) == "no_repeat_ngram is -1; must be at least 0");
  CHECK(refusal({.sampling = Sampling{.temperature = 0}}) ==
        "the temperature is 0; must be above 0");
  CHECK(refusal({.sampling = Sampling{.top_p = 1.5}}) ==
        "top-p is 1.5; must be above 0, at most 1");
}

TEST_CASE("a source longer than max_tokens is refused before anything is translated") {
  Chain chain = garden_path();
  const std::vector<SearchSource> sources = {source_of(1), source_of(8)};
  const Groups one = alone();
  CHECK(message_of([&] {
          translate(chain, sources, {{}, 8}, *one.world);
        }) == "a sentence of 9 pieces does not fit into 'max_tokens' = 8 of [eval]; raise it");
  CHECK(chain.num_encoded == 0);
}
