// Passes over a row of logits, against plain loops.
#include "engine/eval/choose.h"

#include "engine/nn/waves_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

std::vector<int32_t> pieces(const std::vector<Choice>& choices) {
  std::vector<int32_t> out;
  for (const auto& choice : choices)
    out.push_back(choice.piece);
  return out;
}

}  // namespace

TEST_CASE("the best choices come first, equal ones in the order of their ids") {
  const std::vector<float> logits = {1, 5, kNone, 5, 2, 4};
  CHECK(pieces(best_choices(logits, 0, 3)) == std::vector<int32_t>{1, 3, 5});
  CHECK(pieces(best_choices(logits, 0, 9)) == std::vector<int32_t>{1, 3, 5, 4, 0});
  CHECK(best_choices(logits, 2, 1).front().log_p == 3);
}

TEST_CASE("the best choices are found at any place of a long row") {
  for (const size_t count : {16, 40, 8000}) {
    auto logits = waves(count);
    const size_t places[] = {count - 1, 0, count / 2};
    for (size_t i = 0; i < 3; ++i)
      logits[places[i]] = 100 - static_cast<float>(i);
    const std::vector<int32_t> expected = {static_cast<int32_t>(count - 1), 0,
                                           static_cast<int32_t>(count / 2)};
    CHECK(pieces(best_choices(logits, 0, 3)) == expected);
  }
}
