// Products with packed weights against plain loops, and a row's bits in any company.
#include "engine/nn/layers.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

torch::Tensor random(const std::vector<int64_t>& shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

}  // namespace

TEST_CASE("a packed product is x W' + bias + added, of any shape") {
  for (const int64_t N : {1, 16, 33, 100}) {
    for (const int64_t T : {1, 5, 14, 15, 43}) {
      const auto weight = random({N, 19}, 1), x = random({T, 19}, 2), bias = random({N}, 3),
                 added = random({T, N}, 4);
      PackedCopy copy;
      INFO(T << " x " << N);
      const auto product = x.matmul(weight.t());
      CHECK(torch::allclose(copy.multiply(weight, x, {}, {}), product, 1e-5, 1e-5));
      CHECK(torch::allclose(copy.multiply(weight, x, bias, added), product + bias + added, 1e-5,
                            1e-5));
      CHECK(torch::allclose(copy.multiply(weight, x, bias, {}, /*relu=*/true),
                            (product + bias).relu(), 1e-5, 1e-5));
    }
  }
}

TEST_CASE("a row's product has the same bits in any company and on any number of threads") {
  const auto weight = random({200, 300}, 1), x = random({64, 300}, 2);
  PackedCopy copy;
  const auto all = copy.multiply(weight, x, {}, {});
  for (const int64_t count : {1, 2, 13, 29, 64})
    CHECK(copy.multiply(weight, x.slice(0, 0, count), {}, {}).equal(all.slice(0, 0, count)));
}

TEST_CASE("a product of no rows has none") {
  PackedCopy copy;
  CHECK(copy.multiply(random({3, 4}, 1), torch::zeros({0, 4}), {}, {}).sizes() ==
        torch::IntArrayRef({0, 3}));
}

TEST_CASE("a weight that changed is packed again") {
  Linear layer(4, 3, Init(1));
  const torch::NoGradGuard no_grad;
  const auto x = random({2, 4}, 1);
  CHECK(torch::allclose(layer.infer(x), layer.forward(x), 1e-5, 1e-6));
  layer.weight.mul_(2);
  CHECK(torch::allclose(layer.infer(x), layer.forward(x), 1e-5, 1e-6));
  layer.eval();
  layer.infer(x);
  layer.train();
  layer.weight.data_ptr<float>()[0] += 1;  // as an optimizer does
  layer.eval();
  CHECK(torch::allclose(layer.infer(x), layer.forward(x), 1e-5, 1e-6));
}
