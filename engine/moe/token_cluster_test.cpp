// Token clustering: its gradient against the dense permutation it stands for, and what it refuses.
#include "engine/moe/token_cluster.h"

#include "engine/moe/balanced_assignment.h"
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

}  // namespace

TEST_CASE("sorted rows have the gradient of the dense straight-through permutation") {
  const int64_t T = 12, K = 3;
  const auto z = random({T, 5}, 1), score = random({T, K}, 2), weight = random({T, 5}, 3);
  const Assignment assignment = balanced_assignment(score);
  const auto own_z = z.clone().requires_grad_(), own_score = score.clone().requires_grad_();
  (sorted_rows(own_z, own_score, assignment.order_T, assignment.size_K, 0.5) * weight)
      .sum()
      .backward();

  const auto dense_z = z.clone().requires_grad_(), dense_score = score.clone().requires_grad_();
  const auto hard =
      torch::zeros({T, T}).index_put({torch::arange(T), assignment.order_T}, torch::ones({T}));
  const auto soft = torch::softmax(dense_score.t() / 0.5, 1).repeat_interleave(T / K, 0) / (T / K);
  const auto permutation = hard + soft - soft.detach();
  (torch::matmul(permutation, dense_z) * weight).sum().backward();
  CHECK(near(own_z.grad(), dense_z.grad()));
  CHECK(near(own_score.grad(), dense_score.grad()));
  CHECK(own_score.grad().abs().max().item<double>() > 1e-3);
}

TEST_CASE("fewer experts than ranks cannot cluster") {
  try {
    on_ranks<int>({2, 2}, [](const Groups& groups) {
      TokenCluster(shape(2), {}, groups, Init(1));
      return 0;
    });
    FAIL("built");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "'experts' is 2 but token clustering keeps tokens with an expert of each of the 4 ranks; "
          "use a multiple of 4");
  }
}

TEST_CASE("clustered rows cross nodes in the format of the wire, there and back") {
  const auto sent = [](const Topology& topology, Wire wire) {
    return on_ranks<std::map<std::string, double>>(topology, [&](const Groups& groups) {
      MoeShape own = shape(2);
      own.wire = wire;
      TokenCluster layer(own, {}, groups, Init(1));
      const auto x_TD = random({4, kWidth}, 3);
      const auto clustered = layer.dispatch({x_TD, {}}, 4);
      layer.combine(clustered.rows.x_TD, clustered);
      return layer.take_metrics();
    })[0];
  };
  // Half of the 4 rows of 6 values goes to the other rank, and as many come back.
  CHECK(sent({2, 1}, Wire::kExact).at("cluster.inter_node_bytes") == 96);
  CHECK(sent({2, 1}, Wire::kBf16).at("cluster.inter_node_bytes") == 48);
  CHECK(sent({1, 2}, Wire::kBf16).at("cluster.in_node_bytes") == 96);
}
