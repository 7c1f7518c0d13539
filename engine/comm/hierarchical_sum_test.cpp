// Sums over nodes and ranks: their order, their wire, their bytes.
#include "engine/comm/hierarchical_sum.h"

#include "engine/testing/ranks.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Summed {
  std::vector<float> values;
  LinkBytes bytes;
};

// What each rank has after `own`, n times, by rank, is summed.
std::vector<Summed> sums_of(const Topology& topology, const std::vector<float>& own, int64_t n,
                            Wire wire = Wire::kExact) {
  return on_ranks<Summed>(topology, [&](const Groups& groups) {
    const auto rank = static_cast<size_t>(groups.world->rank());
    auto values = torch::full({n}, own[rank]);
    HierarchicalSum sum(groups, 1);
    sum.add_up(values, wire);
    const auto* first = values.data_ptr<float>();
    return Summed{{first, first + n}, sum.bytes()};
  });
}

}  // namespace

TEST_CASE("ranks of a node are added first, in order, then the nodes") {
  // 1e8 + 1 is 1e8 in fp32: whoever adds in another order gets another sum.
  const std::vector<float> own = {1e8F, 1, -1e8F, 1};
  for (const int64_t n : {0, 1, 3, 4, 10}) {
    const auto size = static_cast<size_t>(n);
    for (const auto& rank : sums_of({1, 4}, own, n))
      CHECK(rank.values == std::vector<float>(size, 1));  // ((1e8 + 1) - 1e8) + 1
    for (const auto& rank : sums_of({4, 1}, own, n))
      CHECK(rank.values == std::vector<float>(size, 1));
    for (const auto& rank : sums_of({2, 2}, own, n))
      CHECK(rank.values == std::vector<float>(size, 0));  // (1e8 + 1) + (-1e8 + 1)
  }
  CHECK(sums_of({1, 1}, {7}, 2)[0].values == std::vector<float>{7, 7});
  CHECK(sums_of({1, 2}, {7, 1}, 1)[1].values == std::vector<float>{8});
  CHECK(sums_of({2, 1}, {7, 1}, 1)[1].values == std::vector<float>{8});
}

TEST_CASE("bfloat16 rounds between nodes only, and every rank has the same bits") {
  // 257 needs 9 bits, bfloat16 keeps 8: to 256. 129 + 128 stays exact inside a node.
  for (const auto& rank : sums_of({1, 2}, {129, 128}, 3, Wire::kBf16))
    CHECK(rank.values == std::vector<float>(3, 257));
  for (const auto& rank : sums_of({2, 1}, {257, 0}, 3, Wire::kBf16))
    CHECK(rank.values == std::vector<float>(3, 256));
  for (const auto& rank : sums_of({2, 2}, {129, 128, 1, 2}, 3, Wire::kBf16))
    CHECK(rank.values == std::vector<float>(3, 260));  // 256 + 3 = 259, to 260
}

TEST_CASE("each node sends its share of a sum to each other node, and takes it back") {
  const auto inter_node = [](const Topology& topology, int64_t n, Wire wire) {
    int64_t sum = 0;
    for (const auto& rank : sums_of(topology, {1, 2, 3, 4}, n, wire))
      sum += rank.bytes.inter_node;
    return sum;
  };
  CHECK(inter_node({1, 4}, 10, Wire::kExact) == 0);
  // Each node sends half of the vector twice: 2 x 2 x 5 x 4 bytes.
  CHECK(inter_node({2, 2}, 10, Wire::kExact) == 80);
  CHECK(inter_node({2, 2}, 10, Wire::kBf16) == 40);
  CHECK(inter_node({4, 1}, 7, Wire::kExact) == 168);
}

TEST_CASE("packed sums are those of whole values to the bit, in fewer bytes") {
  struct Sum {
    torch::Tensor values;
    int64_t inter_node = 0;
  };
  const auto summed = [](const Topology& topology, Wire wire, bool packs) {
    return on_ranks<Sum>(
        topology,
        [=](const Groups& groups) {
          auto values = torch::randn({10'000}, at::detail::createCPUGenerator(
                                                   static_cast<uint64_t>(groups.world->rank())));
          HierarchicalSum sum(groups, 1);
          sum.add_up(values, wire);
          return Sum{values, sum.bytes().inter_node};
        },
        /*overlap=*/true, /*timeout_s=*/20, packs);
  };
  for (const Topology& topology : {Topology{2, 1}, Topology{2, 2}, Topology{4, 1}}) {
    for (const Wire wire : {Wire::kExact, Wire::kBf16}) {
      const auto whole = summed(topology, wire, false), packed = summed(topology, wire, true);
      int64_t bytes = 0, whole_bytes = 0;
      for (size_t rank = 0; rank < whole.size(); ++rank) {
        CHECK(packed[rank].values.equal(whole[rank].values));
        bytes += packed[rank].inter_node;
        whole_bytes += whole[rank].inter_node;
      }
      CHECK(static_cast<double>(bytes) <
            (wire == Wire::kBf16 ? 0.69 : 0.85) * static_cast<double>(whole_bytes));
    }
  }
}

TEST_CASE("sums are not counted among what exchanges send") {
  const auto exchanged = on_ranks<LinkBytes>({2, 1}, [](const Groups& groups) {
    auto values = torch::ones({5});
    HierarchicalSum(groups, 1).add_up(values, Wire::kExact);
    return groups.world->bytes();
  });
  CHECK(exchanged[0].inter_node == 0);
}
