// Products with packed weights against plain loops, by every kernel of this processor, and a row's
// bits in any company.
#include "engine/nn/layers.h"

#include <ATen/Parallel.h>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <thread>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

torch::Tensor random(const std::vector<int64_t>& shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

torch::Tensor multiplied(const ProductKernel& kernel, const torch::Tensor& weight_NK,
                         const torch::Tensor& x_TK) {
  const int64_t T = x_TK.size(0), N = weight_NK.size(0);
  const PackedWeights weights(weight_NK.data_ptr<float>(), N, weight_NK.size(1), kernel);
  auto y_TN = torch::full({T, N}, -1.0F);
  PackedProduct product(weights,
                        {.x = x_TK.data_ptr<float>(), .rows = T, .y = y_TN.data_ptr<float>()});
  if (product.is_converting()) product.convert(0, T);
  product.multiply(0, weights.num_panels());
  return y_TN;
}

// The product of integers of -127 .. 127, and their scales.
torch::Tensor in_int8(const torch::Tensor& weight_NK, const torch::Tensor& x_TK) {
  const auto scale_T = x_TK.abs().amax(1, /*keepdim=*/true) / 127;
  const auto scale_N = weight_NK.abs().amax(1, /*keepdim=*/true) / 127;
  const auto sums = (x_TK / scale_T)
                        .round()
                        .to(torch::kDouble)
                        .matmul((weight_NK / scale_N).round().to(torch::kDouble).t());
  return (sums * (scale_T * scale_N.t())).to(torch::kFloat);
}

constexpr Precision kAll[] = {Precision::kFp32, Precision::kBf16, Precision::kInt8};

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
      copy.use(Precision::kInt8);
      CHECK(torch::allclose(copy.multiply(weight, x, bias, added, /*relu=*/true),
                            (in_int8(weight, x) + bias + added).relu(), 1e-5, 1e-5));
    }
  }
}

TEST_CASE("every kernel of fp32 and bf16 has the sums of what it keeps of the numbers") {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const auto& kernel : product_kernels(precision)) {
      for (const int64_t T : {1, 17, 33, 50}) {
        const auto weight = random({70, 100}, 1), x = random({T, 100}, 2);
        const auto kept = [&](const torch::Tensor& all) {
          const bool is_rounded = precision == Precision::kBf16;
          return (is_rounded ? all.to(torch::kBFloat16) : all).to(torch::kDouble);
        };
        INFO(kernel.name << ", " << T << " rows");
        CHECK(torch::allclose(multiplied(kernel, weight, x).to(torch::kDouble),
                              kept(x).matmul(kept(weight).t()), 1e-5, 1e-4));
      }
    }
  }
}

TEST_CASE("an int8 product has a scale for each row and each output") {
  const auto weight = torch::tensor({{1.27F, -0.64F, 0.01F}, {0.0F, 0.0F, 0.0F}});
  const auto x = torch::tensor({{100.0F, 50.0F, -127.0F}, {0.0F, 0.0F, 0.0F}});
  // (100 x 127 - 50 x 64 - 127 x 1) x 1 x 0.01
  const auto expected = torch::tensor({{93.73F, 0.0F}, {0.0F, 0.0F}});
  for (const auto& kernel : product_kernels(Precision::kInt8)) {
    INFO(kernel.name);
    CHECK(torch::allclose(multiplied(kernel, weight, x), expected, 1e-6, 0));
  }
}

TEST_CASE("the kernels of int8 agree to the last bit") {
  for (const int64_t K : {3, 64, 300}) {
    for (const int64_t T : {1, 16, 31, 47}) {
      const auto weight = random({70, K}, 1), x = random({T, K}, 2);
      const auto first = multiplied(product_kernels(Precision::kInt8).front(), weight, x);
      CHECK(torch::allclose(first, in_int8(weight, x), 1e-5, 1e-5));
      for (const auto& kernel : product_kernels(Precision::kInt8)) {
        INFO(kernel.name << ", " << T << " x " << K);
        CHECK(multiplied(kernel, weight, x).equal(first));
      }
    }
  }
}

TEST_CASE("numbers that are not finite spoil their own row only") {
  const auto weight = random({40, 50}, 1);
  auto x = random({3, 50}, 2);
  x[1][7] = std::numeric_limits<float>::infinity();
  x[2][7] = std::numeric_limits<float>::quiet_NaN();
  for (const Precision precision : kAll) {
    for (const auto& kernel : product_kernels(precision)) {
      INFO(kernel.name);
      const auto y = multiplied(kernel, weight, x);
      CHECK(y[0].isfinite().all().item<bool>());
      CHECK_FALSE(y.slice(0, 1).isfinite().any().item<bool>());
    }
  }
}

TEST_CASE("int8 of numbers too small to scale is zero, of the largest is finite") {
  const auto weight = torch::ones({1, 2});
  const auto x = torch::tensor({{1e-42F, 0.0F}, {3e38F, -3e38F}});
  for (const auto& kernel : product_kernels(Precision::kInt8)) {
    INFO(kernel.name);
    CHECK(multiplied(kernel, weight, x).equal(torch::zeros({2, 1})));
  }
}

TEST_CASE("a row's product has the same bits in any company and on any number of threads") {
  const auto weight = random({200, 300}, 1), x = random({64, 300}, 2);
  for (const Precision precision : kAll) {
    PackedCopy copy;
    copy.use(precision);
    const auto all = copy.multiply(weight, x, {}, {});
    for (const int64_t count : {1, 2, 13, 29, 64})
      CHECK(copy.multiply(weight, x.slice(0, 0, count), {}, {}).equal(all.slice(0, 0, count)));
  }
}

TEST_CASE("a product of no rows has none") {
  PackedCopy copy;
  copy.use(Precision::kInt8);
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

TEST_CASE("another precision packs the weights again") {
  Linear layer(50, 3, Init(1));
  const torch::NoGradGuard no_grad;
  const auto x = random({2, 50}, 1);
  const auto exact = layer.infer(x);
  layer.use(Precision::kInt8);
  CHECK_FALSE(layer.infer(x).equal(exact));
  CHECK(torch::allclose(layer.infer(x), exact, 0, 0.05));
  layer.use(Precision::kFp32);
  CHECK(layer.infer(x).equal(exact));
}

TEST_CASE("loops are shared by as many threads as LibTorch is asked for") {
#ifdef __clang__
  SKIP("Clang has another runtime of OpenMP, and its loops run on one thread");
#endif
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::array<std::thread::id, 2> ids;
  at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      ids[static_cast<size_t>(i)] = std::this_thread::get_id();
  });
  at::set_num_threads(before);
  CHECK(ids[0] != ids[1]);
}
