// Pairs as tensors with their tags, and epochs of them on several ranks.
#include "engine/train/pairs.h"

#include "engine/data/corpus_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <barrier>
#include <thread>

namespace xp {
namespace {

using Rows = std::vector<std::vector<int64_t>>;

XP_REGISTER(Tokenizer, NumberTokenizer, "numbers", "ids of this test");

// The largest of what threads name, for ranks that are threads.
class Meeting {
 public:
  explicit Meeting(size_t ranks) : named_(ranks), barrier_(static_cast<std::ptrdiff_t>(ranks)) {}
  Agree agree(size_t rank) {
    return [this, rank](int64_t count) {
      named_[rank] = count;
      barrier_.arrive_and_wait();
      const int64_t most = *std::max_element(named_.begin(), named_.end());
      barrier_.arrive_and_wait();
      return most;
    };
  }

 private:
  std::vector<int64_t> named_;
  std::barrier<> barrier_;
};

using PairsTest = CorpusFixture;

// The sentences that each step of each rank has, by their piece, and where the ranks stand then.
struct Taken {
  Rows of_ranks;
  DataPosition position;
};

// `ranks` ranks take `steps` steps from `start` on, or what is left of the epoch.
Taken take(const Pairs& pairs, size_t ranks, int64_t steps, const DataPosition& start = {}) {
  Taken out{Rows(ranks), {}};
  Meeting meeting(ranks);
  std::vector<std::jthread> threads;
  for (size_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const BatchRule rule{40, static_cast<int64_t>(ranks), 3};
      BatchStream stream(pairs, rule, {}, static_cast<int64_t>(rank), start, meeting.agree(rank));
      for (int64_t step = 0; step != steps && stream.position().epoch == 0; ++step) {
        const Batch batch = stream.next();
        for (int64_t i = 0; i < batch.num_sentences; ++i)
          out.of_ranks[rank].push_back(batch.source_BS[i][0].item<int64_t>());
      }
      if (rank == 0) out.position = stream.position();
    });
  }
  threads.clear();
  return out;
}

std::vector<int64_t> sorted(std::initializer_list<Taken> parts) {
  std::vector<int64_t> out;
  for (const auto& part : parts) {
    for (const auto& rank : part.of_ranks)
      out.insert(out.end(), rank.begin(), rank.end());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<int64_t> every_sentence() {
  std::vector<int64_t> out;
  for (int64_t i = 10; i < 610; ++i)
    out.push_back(i);
  return out;
}

Rows rows(const Batch& batch) {
  Rows out;
  for (const auto& tensor : {batch.source_BS, batch.target_in_BL, batch.target_out_BL}) {
    const auto* first = tensor.data_ptr<int64_t>();
    out.emplace_back(first, first + tensor.size(1));
  }
  return out;
}

TEST_CASE_METHOD(PairsTest, "tags stand where source, target and placement say") {
  put({{4, 5}}, "en-fr");
  put({{6}}, "fr-en");
  const auto tagged = [&](const char* source, bool target, const char* placement) {
    settings["language_tokens"] = {
        {"source", source}, {"target", target}, {"placement", placement}};
    const PreparedCorpus corpus = opened();
    return rows(Pairs(corpus, "train").batch(std::vector<PairId>{{0, 0}}));
  };
  CHECK(tagged("none", false, "prefix") == Rows{{4, 5, 2}, {2, 4, 5, 9}, {4, 5, 9, 2}});
  CHECK(tagged("none", true, "prefix") == Rows{{4, 5, 2}, {2, 5000, 4, 5, 9}, {5000, 4, 5, 9, 2}});
  // <en> is 5000 and <fr> 5001.
  CHECK(tagged("source", true, "prefix") ==
        Rows{{5000, 4, 5, 2}, {2, 5001, 4, 5, 9}, {5001, 4, 5, 9, 2}});
  CHECK(tagged("target", true, "prefix") ==
        Rows{{5000, 4, 5, 2}, {2, 5000, 4, 5, 9}, {5000, 4, 5, 9, 2}});
  CHECK(tagged("pair", false, "prefix") == Rows{{5000, 4, 5, 2}, {2, 4, 5, 9}, {4, 5, 9, 2}});
  CHECK(tagged("source", true, "replace-eos-bos") ==
        Rows{{4, 5, 5000}, {5001, 4, 5, 9}, {4, 5, 9, 2}});
  CHECK(tagged("pair", false, "replace-eos-bos") == Rows{{4, 5, 5000}, {2, 4, 5, 9}, {4, 5, 9, 2}});
}

TEST_CASE_METHOD(PairsTest, "a budget counts ends and tags") {
  put({{4, 5}}, "en-fr");
  put({{6}}, "fr-en");
  settings["language_tokens"] = {{"source", "pair"}, {"target", true}};
  const PreparedCorpus corpus = opened();
  const Pairs pairs(corpus, "train");
  CHECK(pairs.length_of()({0, 0}).source == 4);
  CHECK(pairs.length_of()({0, 0}).target == 5);
}

TEST_CASE_METHOD(PairsTest, "pairs longer than the budget are counted over the ranks") {
  put_many();  // targets of 2 to 8 pieces, their tag and </s>
  const PreparedCorpus corpus = opened();
  const Pairs pairs(corpus, "train");
  CHECK(pairs.too_long(10, 0, 1).count == 0);
  CHECK(pairs.too_long(9, 0, 1).count == 86);  // every seventh of 600
  CHECK(pairs.too_long(9, 0, 1).longest == 10);
  CHECK(pairs.too_long(9, 0, 2).count + pairs.too_long(9, 1, 2).count == 86);
}

TEST_CASE_METHOD(PairsTest, "an epoch has every pair of every direction once, on 1 to 5 ranks") {
  put_many();
  const PreparedCorpus corpus = opened();
  const Pairs pairs(corpus, "train");
  for (const size_t ranks : {1, 2, 3, 5})
    CHECK(sorted({take(pairs, ranks, -1)}) == every_sentence());
}

TEST_CASE_METHOD(PairsTest, "a position resumes with the same batches") {
  put_many();
  const PreparedCorpus corpus = opened();
  const Pairs pairs(corpus, "train");
  const Taken whole = take(pairs, 2, -1), begin = take(pairs, 2, 7);
  const Taken rest = take(pairs, 2, -1, begin.position);
  for (size_t rank = 0; rank < 2; ++rank) {
    auto joined = begin.of_ranks[rank];
    joined.insert(joined.end(), rest.of_ranks[rank].begin(), rest.of_ranks[rank].end());
    CHECK(joined == whole.of_ranks[rank]);
  }
}

TEST_CASE_METHOD(PairsTest,
                 "a position resumes on other numbers of ranks with the pairs that are left") {
  put_many();
  const PreparedCorpus corpus = opened();
  const Pairs pairs(corpus, "train");
  const Taken four = take(pairs, 4, 5);
  const Taken three = take(pairs, 3, 4, four.position);
  const Taken one = take(pairs, 1, -1, three.position);
  CHECK(four.position.step == 5);
  CHECK(three.of_ranks[2].size() > 10);
  CHECK(sorted({four, three, one}) == every_sentence());
}

}  // namespace
}  // namespace xp
