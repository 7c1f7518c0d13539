// The operator that assigns slots, against the routing that LibTorch's operators make.
#include "engine/moe/slots.h"

#include "engine/device/ops.h"
#include "engine/moe/balanced_assignment.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("the slots of the operator are the rows of the routing, in their order") {
  torch::manual_seed(1);
  constexpr int64_t kTokens = 50, kExperts = 6;
  for (const int64_t capacity : {1, 7, 50}) {
    for (const bool in_turn : {false, true}) {
      // The last number stands for no choice.
      const auto expert_KT = torch::randint(kExperts + 1, {2, kTokens}, torch::kLong);
      const auto priority_T = in_turn ? torch::randperm(kTokens, torch::kLong) : torch::Tensor();
      const Slots rows = assign_slots(expert_KT, priority_T, kExperts, capacity);
      const SlotTable table = slot_table(expert_KT, priority_T, kExperts, capacity);
      const auto choice_S = table.choice_EC.flatten();
      CHECK(choice_S.masked_select(choice_S >= 0).equal(rows.order_N));
      CHECK(table.kept_KT.equal(rows.kept_KT));
      CHECK(table.count_E.equal(rows.count_E));
    }
  }
}

TEST_CASE("the operator's balanced jobs are those of the assignment") {
  torch::manual_seed(2);
  const auto score_TK = torch::randn({24, 4});
  CHECK(balanced_jobs(score_TK.t().contiguous(), 6).equal(balanced_assignment(score_TK).order_T));
}
