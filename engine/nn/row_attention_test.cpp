// What a row attends to most.
#include "engine/nn/row_attention.h"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("most attended is the cell with most weight over all heads, the first of equals") {
  // Width 2, 2 heads: a cell's key and value. The first head prefers cell 1 (0.67 to 0.24), the
  // second cell 2 (0.73 to 0.002).
  const std::vector<float> cache = {0, 0, 0, 0, 2, -5, 0, 0, 1, 1, 0, 0};
  const std::vector<float> query = {1, 1};
  std::vector<float> out(2);
  const auto most = [&](const std::vector<int32_t>& cells) {
    std::vector<float> scores(score_room(2, cells.size()));
    attend_row({query.data(), cells, out.data()}, cache.data(), 2, 2, scores);
    return most_attended(scores, 2, cells.size());
  };
  CHECK(most({0, 1, 2}) == 2);
  CHECK(most({2, 1, 0}) == 0);
  CHECK(most({0, 1}) == 0);
  CHECK(most({2, 0, 2}) == 0);
}
