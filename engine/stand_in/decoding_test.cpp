// Decoding on the stand-in: the translations of the CPU, with one wait for each step.
#include "engine/eval/search.h"
#include "engine/stand_in/stand_in.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

using Catch::Approx;

constexpr int64_t kVocabulary = 40;

std::shared_ptr<TranslationModel> model_with(const Value& moe) {
  ModelContext context;
  context.source_vocabulary = context.target_vocabulary = kVocabulary;
  context.groups = alone();
  auto out = make_part<Model>({{"use", "transformer"},
                               {"encoder_layers", 1},
                               {"decoder_layers", 2},
                               {"width", 16},
                               {"ffn_width", 32},
                               {"heads", 2},
                               {"moe", moe}})
                 ->build(context);
  out->eval();
  return out;
}

struct Decoded {
  std::vector<SearchResult> results;
  int64_t steps = 0;
  std::map<std::string, int64_t> waits;  // in steps
};

const SearchRule kRule = {.beam = 3, .max_length_a = 1, .max_length_b = 3, .num_best = 2};

// `like`: what all sources have in common.
Decoded decoded(const Value& moe, const SearchRule& rule = kRule, const SearchSource& like = {}) {
  const auto model = model_with(moe);
  Search search(*model, rule);
  std::vector<SearchSource> sources(3, like);
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t k = 0; k < 2 + 2 * i; ++k)
      sources[i].pieces.push_back(static_cast<int32_t>(4 + (7 * i + 5 * k) % 36));
    sources[i].pieces.push_back(Special::kEnd);
  }
  search.add({0, 1, 2}, {&sources[0], &sources[1], &sources[2]});
  take_host_reads();
  Decoded out;
  while (search.num_open() > 0) {
    for (auto& result : search.step())
      out.results.push_back(std::move(result));
    ++out.steps;
  }
  out.waits = take_host_reads();
  return out;
}

template <class... Options>
Decoded decoded_there(const Options&... options) {
  StandIn stand_in;
  use_accelerator(&stand_in);
  take_device(0);
  auto out = decoded(options...);
  use_accelerator(nullptr);
  return out;
}

void check_same(const Decoded& a, const Decoded& b) {
  REQUIRE(a.results.size() == b.results.size());
  for (size_t i = 0; i < a.results.size(); ++i) {
    REQUIRE(a.results[i].sentence == b.results[i].sentence);
    REQUIRE(a.results[i].best.size() == b.results[i].best.size());
    for (size_t k = 0; k < a.results[i].best.size(); ++k) {
      CHECK(a.results[i].best[k].pieces == b.results[i].best[k].pieces);
      CHECK(a.results[i].best[k].score == Approx(b.results[i].best[k].score).epsilon(1e-5));
    }
  }
}

TEST_CASE("a dense model translates on the stand-in as on the CPU, one wait for a step") {
  const Value dense = {{"every", 0}};
  const Decoded there = decoded_there(dense);
  check_same(there, decoded(dense));
  CHECK(there.waits == std::map<std::string, int64_t>{{"copy to the host", there.steps}});
}

TEST_CASE("pieces that are forced or forbidden are the same on the stand-in, one wait for a step") {
  SearchRule rule = kRule;
  rule.min_length_b = 4;
  SearchSource like;
  like.prefix = {9, 12};
  like.num_hidden = 1;
  like.num_pieces = 20;
  const Value dense = {{"every", 0}};
  const Decoded there = decoded_there(dense, rule, like), here = decoded(dense, rule, like);
  check_same(there, here);
  CHECK(there.waits == std::map<std::string, int64_t>{{"copy to the host", there.steps}});
  const Pieces& pieces = here.results.front().best.front().pieces;
  CHECK(pieces.front() == 12);
  CHECK(pieces.size() >= 4);
  CHECK(*std::max_element(pieces.begin(), pieces.end()) < 20);
  rule.no_repeat_ngram = 1;  // which needs all logits
  check_same(decoded_there(dense, rule, like), decoded(dense, rule, like));
}

TEST_CASE("experts translate on the stand-in as on the CPU, one wait for a step") {
  const Value moe = {
      {"every", 2}, {"experts", 4}, {"capacity_factor", 0.0}, {"exchange", {{"use", "gshard"}}}};
  const Decoded there = decoded_there(moe);
  check_same(there, decoded(moe));
  CHECK(there.waits == std::map<std::string, int64_t>{{"copy to the host", there.steps}});
}

}  // namespace
}  // namespace xp
