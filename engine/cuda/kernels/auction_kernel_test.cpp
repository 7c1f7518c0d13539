// The auction in one launch against the auction of engine/moe/balanced_assignment.cpp.
#include "engine/cuda/kernels/auction_kernel.h"

#include "engine/cuda/kernels/emulation.h"
#include "engine/moe/balanced_assignment.h"

#include <catch2/catch_test_macros.hpp>

#include <memory>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

torch::Tensor emulated(const torch::Tensor& value_KJ, bool last_first, AuctionRules rules = {}) {
  const int64_t K = value_KJ.size(0), J = value_KJ.size(1);
  const auto value = value_KJ.contiguous();
  auto jobs = torch::full({J}, -1, torch::kLong);
  auto reals = torch::empty({2, J});
  auto integers = torch::empty({4, J}, torch::kInt);
  AuctionWork work = auction_work(elements<float>(value), K, J, elements<int64_t>(jobs),
                                  elements<float>(reals), elements<int32_t>(integers));
  work.rules = rules;
  const auto room = std::make_unique<AuctionRoom>();
  on_grid(1, last_first, [&](auto& team, int64_t) { Auction<HostTeam>(team, work, *room).run(); });
  return jobs;
}

torch::Tensor random_values(int64_t K, int64_t each, uint64_t seed) {
  return torch::randn({K, K * each}, at::detail::createCPUGenerator(seed));
}

bool is_permutation(const torch::Tensor& jobs) {
  return std::get<0>(jobs.sort()).equal(torch::arange(jobs.numel()));
}

// The jobs of each worker, whatever their order.
torch::Tensor sets(const torch::Tensor& jobs, int64_t K) {
  return std::get<0>(jobs.view({K, -1}).sort(1));
}

double worth(const torch::Tensor& value_KJ, const torch::Tensor& jobs) {
  return value_KJ.gather(1, jobs.view({value_KJ.size(0), -1})).sum().item<double>();
}

}  // namespace

TEST_CASE("every worker gets the jobs that the auction on the CPU gives it") {
  for (const int64_t K : {2, 3, 8, 11}) {
    for (const int64_t each : {1, 2, 7, 33}) {
      const auto value = random_values(K, each, static_cast<uint64_t>(K * 100 + each));
      const auto expected = balanced_assignment(value.t().contiguous()).order_T;
      const auto jobs = emulated(value, false);
      CHECK(sets(jobs, K).equal(sets(expected, K)));
      CHECK(emulated(value, true).equal(jobs));
    }
  }
}

TEST_CASE("equal values, few values and a job that all want still give a permutation") {
  CHECK(is_permutation(emulated(torch::zeros({4, 16}), false)));
  const auto few = random_values(4, 8, 1).sign();
  CHECK(is_permutation(emulated(few, false)));
  CHECK(emulated(few, true).equal(emulated(few, false)));
  CHECK(is_permutation(emulated(few * -0.0F, false)));
  const auto wanted = torch::tensor({5.0F, 0.0F, 0.0F, 0.0F}).unsqueeze(1).repeat({1, 64});
  CHECK(is_permutation(emulated(wanted, false)));
}

TEST_CASE("jobs that are contested to the end are dealt out by falling value") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto value = random_values(3, 20, seed);
    const auto jobs = emulated(value, false, {100, 1, 1});
    CHECK(is_permutation(jobs));
    CHECK(emulated(value, true, {100, 1, 1}).equal(jobs));
    CHECK(worth(value, jobs) > 0.75 * worth(value, emulated(value, false)));
  }
}
