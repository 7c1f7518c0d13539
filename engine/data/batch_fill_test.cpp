// What the lengths of a corpus say of batches, and what batches are.
#include "engine/data/batch_fill.h"

#include "engine/base/split_mix.h"
#include "engine/data/batcher.h"
#include "engine/data/corpus_fixture.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Catch::Approx;
using BatchFillTest = CorpusFixture;  // a target has a piece more than its source

std::vector<std::vector<int32_t>> sentences(const std::vector<size_t>& lengths) {
  std::vector<std::vector<int32_t>> out;
  for (const size_t length : lengths)
    out.emplace_back(length, 7);
  return out;
}

TEST_CASE_METHOD(BatchFillTest, "tokens of both sides are counted against the longer one") {
  put(sentences({2, 5}), "en-fr");  // with </s>: 3 and 6 tokens, 4 and 7
  const BatchFill fill = batch_fill(CorpusOutline(folder.path()), {});
  CHECK(fill.source == Approx(9.0 / 11));
  CHECK(fill.target == 1);
  CHECK(fill.length == Approx((4 * 4 + 7 * 7) / 11.0));
}

TEST_CASE_METHOD(BatchFillTest, "directions count as they are sampled") {
  put(sentences({2, 2, 2}), "en-fr");
  put(sentences({8}), "en-de");
  const CorpusOutline corpus(folder.path());
  CHECK(batch_fill(corpus, {}).length == Approx((3 * 4 * 4 + 10 * 10) / 22.0));
  // Equal shares of an epoch of four pairs.
  CHECK(batch_fill(corpus, {"uniform"}).length == Approx((2 * 4 * 4 + 2 * 10 * 10) / 28.0));
}

TEST_CASE_METHOD(BatchFillTest, "a tag is a token") {
  put(sentences({2, 5}), "en-fr");
  settings["language_tokens"] = {{"target", true}};  // before the target: 5 and 8 tokens
  const BatchFill fill = batch_fill(CorpusOutline(folder.path(), settings), {});
  CHECK(fill.source == Approx(9.0 / 13));
  CHECK(fill.target == 1);
  CHECK(fill.length == Approx((5 * 5 + 8 * 8) / 13.0));
}

TEST_CASE_METHOD(BatchFillTest, "batches of a corpus that does not say are full") {
  put(sentences({2, 5}), "en-fr");
  Value stats = Value::parse(read_file(folder.path() / "stats.json"));
  stats["train"]["en-fr"].erase("longer_squares");
  write_atomic(folder.path() / "stats.json", json_text(stats));
  const BatchFill fill = batch_fill(CorpusOutline(folder.path()), {});
  CHECK(fill.source == 1);
  CHECK(fill.target == 1);
  CHECK(fill.length == 1);
}

TEST_CASE_METHOD(BatchFillTest, "batches are as full as predicted") {
  SplitMix draws(5);
  std::vector<size_t> lengths(20'000);
  std::vector<PairLength> pairs;
  for (auto& length : lengths) {
    length = 3 + draws.below(20) + draws.below(20) * draws.below(3);
    pairs.push_back({static_cast<uint32_t>(length) + 1, static_cast<uint32_t>(length) + 2});
  }
  put(sentences(lengths), "en-fr");
  const BatchFill fill = batch_fill(CorpusOutline(folder.path()), {});
  const Epoch epoch = plan_epoch(pairs, {/*max_tokens=*/1000, 1, 1}, 0);
  double source = 0, target = 0;
  for (const PairLength& pair : pairs) {
    source += pair.source;
    target += pair.target;
  }
  const double budget = 1000.0 * static_cast<double>(epoch.batches.size());
  const double used = 1 - (fill.length - 1) / 2 / 1000;
  CHECK(source / budget == Approx(fill.source * used).epsilon(0.005));
  CHECK(target / budget == Approx(fill.target * used).epsilon(0.005));
}

}  // namespace
}  // namespace xp
