// The counting sort of choices against the sort of engine/moe/slots.cpp.
#include "engine/cuda/kernels/slot_kernels.h"

#include "engine/cuda/kernels/emulation.h"
#include "engine/moe/slots.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Emulated {
  torch::Tensor choice_EC, kept_KT, count_E;
};

Emulated emulated(const torch::Tensor& expert_KT, const torch::Tensor& priority_T, int64_t E,
                  int64_t capacity, bool last_first) {
  SlotWork work;
  work.expert_KT = elements<int64_t>(expert_KT);
  work.priority_T = priority_T.defined() ? elements<int64_t>(priority_T) : nullptr;
  work.T = expert_KT.size(1);
  work.num_choices = expert_KT.numel();
  work.E = E;
  work.capacity = capacity;
  auto before = torch::zeros({E, std::max<int64_t>(work.num_blocks(), 1)}, torch::kInt);
  Emulated out{torch::full({E, capacity}, 77, torch::kLong),
               torch::zeros(expert_KT.sizes(), torch::kBool), torch::full({E}, 77, torch::kLong)};
  work.before_EB = elements<int32_t>(before);
  work.choice_EC = elements<int64_t>(out.choice_EC);
  work.kept_KT = elements<bool>(out.kept_KT);
  work.count_E = elements<int64_t>(out.count_E);
  on_grid(work.num_blocks(), last_first,
          [&](auto& team, int64_t block) { count_choices(team, work, block); });
  SlotSums sums;
  on_grid(E, last_first, [&](auto& team, int64_t e) { sum_counts(team, work, e, sums); });
  SlotExperts experts;
  on_grid(work.num_blocks(), last_first,
          [&](auto& team, int64_t block) { give_slots(team, work, block, experts); });
  return out;
}

void check_same(int64_t T, int64_t K, int64_t E, int64_t capacity, bool prioritized) {
  const auto random = at::detail::createCPUGenerator(static_cast<uint64_t>(T * 31 + E));
  const auto expert_KT = torch::randint(0, E + 1, {K, T}, random, torch::kLong);
  const auto priority_T = prioritized ? torch::randperm(T, random, torch::kLong) : torch::Tensor();
  const Slots expected = assign_slots(expert_KT, priority_T, E, capacity);
  for (const bool last_first : {false, true}) {
    const auto [choice_EC, kept_KT, count_E] =
        emulated(expert_KT, priority_T, E, capacity, last_first);
    CHECK(kept_KT.equal(expected.kept_KT));
    CHECK(count_E.equal(expected.count_E));
    CHECK(choice_EC.masked_select(choice_EC >= 0).equal(expected.order_N));
    CHECK((choice_EC >= 0).sum(1).equal(expected.count_E));
  }
}

}  // namespace

TEST_CASE("slots go to the choices that the CPU gives them to") {
  check_same(0, 2, 4, 3, false);
  check_same(1, 1, 1, 1, false);
  check_same(7, 2, 3, 2, true);
  check_same(300, 2, 4, 75, false);
  check_same(300, 2, 4, 1000, true);
  check_same(1000, 3, 33, 20, true);
  check_same(257, 1, 300, 2, false);
}

TEST_CASE("slots are given over more blocks than a block has threads") {
  check_same(70000, 1, 3, 20000, false);
}
