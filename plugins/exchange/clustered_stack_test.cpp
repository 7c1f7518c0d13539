// Stacks of MoE layers with token clustering over real ranks against one process.
#include "engine/moe/moe_stack.h"
#include "engine/testing/ranks.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int64_t kWidth = 6;

torch::Tensor random(std::vector<int64_t> shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

bool near(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::allclose(a, b, 1e-4, 1e-5);
}

MoeShape shape(int64_t experts) {
  return {kWidth, 8, experts, 0, 0, Compatibility::kNone, std::make_shared<Draws>()};
}

struct Outcome {
  torch::Tensor y_TD, grad_x_TD;
};

// A clustering layer and one of GShard behind it, on this rank's share of the rows.
Outcome run_stack(const Groups& groups, const ClusterShape& cluster, const torch::Tensor& x_TD,
                  bool training, const std::string& exchange = "gshard") {
  const auto layer =
      std::make_shared<MoeLayer>(shape(4), make_part<Router>({{"use", "top2"}}),
                                 make_part<Exchange>({{"use", exchange}}), groups, Init(2));
  const BlockShape block{kWidth, 8, 1, 0, 0, true};
  MoeStack stack(std::make_shared<TokenCluster>(shape(4), cluster, groups, Init(1)),
                 {std::make_shared<FeedForwardBlock>(block, layer, Init(3))}, Compatibility::kNone);
  stack.train(training);
  const auto x = x_TD.clone().requires_grad_();
  const auto y = stack.forward(x.unsqueeze(0), {}).squeeze(0);
  (y * torch::arange(1, kWidth + 1)).sum().backward();
  return {y.detach(), x.grad()};
}

}  // namespace

TEST_CASE("a greedy stack gives every row the same result on any number of ranks") {
  const auto x = random({12, kWidth}, 4);
  const Outcome one = run_stack(alone(), {}, x, /*training=*/false);
  for (const Topology topology : {Topology{1, 2}, Topology{2, 1}, Topology{2, 2}}) {
    const auto several = on_ranks<Outcome>(topology, [&](const Groups& groups) {
      // Uneven shares: the first rank has one row, the last all that are left.
      const int64_t rank = groups.world->rank(), ranks = groups.world->size();
      const int64_t end = rank == ranks - 1 ? 12 : rank + 1;
      return run_stack(groups, {}, x.slice(0, rank, end), /*training=*/false);
    });
    std::vector<torch::Tensor> y;
    for (const auto& outcome : several)
      y.push_back(outcome.y_TD);
    CHECK(near(torch::cat(y), one.y_TD));
  }
}

TEST_CASE("rows come home in their order whatever the gate, the groups and the numbers") {
  for (const std::string gate : {"softmax", "sigmoid"}) {
    for (const bool by_node : {false, true}) {
      for (const bool training : {true, false}) {
        ClusterShape cluster;
        cluster.gate = gate;
        cluster.by_node = by_node;
        const auto outcomes = on_ranks<Outcome>({2, 2}, [&](const Groups& groups) {
          const int64_t rank = groups.world->rank(), T = rank == 3 ? 0 : 5 + rank;
          const auto x = random({T, kWidth}, static_cast<uint64_t>(rank));
          return run_stack(groups, cluster, x, training, "scomoe-seq");
        });
        for (int64_t rank = 0; rank < 4; ++rank) {
          const auto& y = outcomes[static_cast<size_t>(rank)].y_TD;
          CHECK(y.size(0) == (rank == 3 ? 0 : 5 + rank));
          CHECK(y.isfinite().all().item<bool>());
          // The residual stream is kept: a row stays near itself, not near its neighbour.
          if (rank == 3) continue;
          const auto x = random({5 + rank, kWidth}, static_cast<uint64_t>(rank));
          CHECK((y - x).norm().item<double>() < (y - x.flip(0)).norm().item<double>());
        }
      }
    }
  }
}

TEST_CASE("layers with fewer experts than ranks stand side by side and share their groups") {
  const auto outcomes = on_ranks<Outcome>({2, 2}, [](const Groups& groups) {
    const BlockShape block{kWidth, 8, 1, 0, 0, true};
    std::vector<std::shared_ptr<FeedForwardBlock>> layers;
    for (int64_t i = 0; i < 2; ++i) {
      const auto layer =
          std::make_shared<MoeLayer>(shape(2), make_part<Router>({{"use", "top2"}}),
                                     make_part<Exchange>({{"use", "gshard"}}), groups, Init(2));
      layers.push_back(std::make_shared<FeedForwardBlock>(block, layer, Init(3)));
    }
    MoeStack stack(nullptr, layers, Compatibility::kNone);
    const auto x = random({5, kWidth}, 7).requires_grad_();
    const auto y = stack.forward(x.unsqueeze(0), {}).squeeze(0);
    y.sum().backward();
    return Outcome{y.detach(), x.grad()};
  });
  for (const auto& outcome : outcomes)
    CHECK(near(outcome.y_TD, outcomes[0].y_TD));
}
