// How the sentences of a round are dealt out.
#include "engine/eval/deal.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Batches = std::vector<std::vector<size_t>>;

// Sentences 0, 4, 8, ... are about the same, 1, 5, 9, ... about something else, ...
torch::Tensor topic_of(size_t sentence) {
  auto out = torch::zeros({16});
  out[static_cast<int64_t>(sentence % 4)] = 8.0;
  out[4 + static_cast<int64_t>(sentence % 12)] = 0.1;
  return out;
}

Batches dealt(Deal deal) {
  // Two rounds of four ranks: without a new deal, each rank of the first has one topic.
  Batches out = {
      {0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}, {20, 17}, {18}, {}, {}};
  deal_anew(out, 4, deal, topic_of);
  return out;
}

TEST_CASE("sentences that are alike are dealt out over the ranks") {
  const Batches batches = dealt(Deal::kDiverse);
  for (size_t rank = 0; rank < 4; ++rank) {
    std::set<size_t> topics;
    for (const size_t sentence : batches[rank])
      topics.insert(sentence % 4);
    INFO("rank " << rank);
    CHECK(batches[rank].size() == 4);
    CHECK(topics.size() >= 3);
  }
}

TEST_CASE("a deal keeps the sentences of each round and fills the ranks evenly") {
  for (const Deal deal : {Deal::kDiverse, Deal::kRandom}) {
    const Batches batches = dealt(deal);
    std::multiset<size_t> first, second;
    for (size_t i = 0; i < 8; ++i)
      (i < 4 ? first : second).insert(batches[i].begin(), batches[i].end());
    CHECK(first == std::multiset<size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    CHECK(second == std::multiset<size_t>{17, 18, 20});
    CHECK(batches[4].size() + batches[5].size() + batches[6].size() == 3);
    CHECK(batches[7].empty());
    CHECK(dealt(deal) == batches);
  }
}

TEST_CASE("neighbours in length stay together unless another deal is asked for") {
  CHECK(dealt(Deal::kLength)[1] == std::vector<size_t>{1, 5, 9, 13});
  CHECK(dealt(Deal::kRandom)[1] != std::vector<size_t>{1, 5, 9, 13});
  CHECK(deal_of("length") == Deal::kLength);
}

}  // namespace
