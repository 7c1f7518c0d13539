// The linear map of our own against LibTorch's.
#include "engine/nn/linear.h"

#include "engine/base/cpu.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>

namespace xp {
namespace {

torch::Tensor noise(at::IntArrayRef shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed)).requires_grad_();
}

struct Results {
  torch::Tensor y, x, weight, bias;  ///< the last three: gradients
};

template <class Map>
Results results_of(at::IntArrayRef shape, int64_t outputs, const Map& map) {
  const auto x = noise(shape, 1), weight = noise({outputs, shape.back()}, 2),
             bias = noise({outputs}, 3);
  const auto y = map(x, weight, bias);
  (y * noise(y.sizes(), 4).detach()).sum().backward();
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

void check_close(const Results& a, const Results& b) {
  CHECK(torch::allclose(a.y, b.y, 1e-5, 1e-5));
  CHECK(torch::allclose(a.x, b.x, 1e-5, 1e-5));
  CHECK(torch::allclose(a.weight, b.weight, 1e-5, 1e-4));
  CHECK(torch::allclose(a.bias, b.bias, 1e-5, 1e-4));
}

TEST_CASE("a linear map and its gradients are LibTorch's, with and without relu") {
  const auto plain = [](const auto& x, const auto& w, const auto& b) { return linear(x, w, b); };
  const auto relu = [](const auto& x, const auto& w, const auto& b) {
    return linear(x, w, b, true);
  };
  const std::vector<std::vector<int64_t>> shapes = {{7, 3}, {2, 5, 16}, {300, 33}, {1, 1}};
  for (const auto& shape : shapes) {
    for (const int64_t outputs : {1, 16, 37}) {
      check_close(results_of(shape, outputs, plain),
                  results_of(shape, outputs, [](const auto& x, const auto& w, const auto& b) {
                    return torch::linear(x, w, b);
                  }));
      check_close(results_of(shape, outputs, relu),
                  results_of(shape, outputs, [](const auto& x, const auto& w, const auto& b) {
                    return torch::linear(x, w, b).relu();
                  }));
    }
  }
}

// Of `map` with autocast to bfloat16.
template <class Map>
auto cast(const Map& map) {
  return [map](const auto& x, const auto& weight, const auto& bias) {
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    auto y = map(x, weight, bias);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    return y;
  };
}

double error(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a.to(at::kFloat) - b.to(at::kFloat)).norm() / b.to(at::kFloat).norm()).item<double>();
}

TEST_CASE("with autocast to bfloat16 rows and results are rounded") {
  const bool relu = GENERATE(false, true);
  const auto map = [relu](const auto& x, const auto& w, const auto& b) {
    return linear(x, w, b, relu);
  };
  // More rows than are multiplied at a time.
  const auto rounded = results_of({5, 500, 33}, 37, cast(map)),
             exact = results_of({5, 500, 33}, 37, map);
  CHECK(rounded.y.scalar_type() == at::kBFloat16);
  CHECK(error(rounded.y, exact.y) < 0.01);
  // Rounding may move a result across the relu.
  const double most = relu ? 0.05 : 0.01;
  CHECK(error(rounded.x, exact.x) < most);
  CHECK(error(rounded.weight, exact.weight) < most);
  CHECK(error(rounded.bias, exact.bias) < most);
}

TEST_CASE("where bfloat16 multiplies no faster weights and their gradients are not rounded") {
  if (multiplies_bf16_faster()) SKIP("LibTorch's products of bfloat16 are used here");
  const auto twice = [](const auto& x, const auto& w, const auto& b) {
    return linear(linear(x, w, b), w, b);
  };
  const auto of_rounded = [](const auto& x, const auto& w, const auto& b) {
    const auto h = linear(x.to(at::kBFloat16).to(at::kFloat), w, b);
    return linear(h.to(at::kBFloat16).to(at::kFloat), w, b);
  };
  const auto rounded = results_of({1500, 37}, 37, cast(twice)),
             expected = results_of({1500, 37}, 37, of_rounded);
  CHECK(error(rounded.y, expected.y.to(at::kBFloat16)) < 5e-4);
  CHECK(error(rounded.weight, rounded.weight.to(at::kBFloat16)) > 5e-4);
  CHECK(error(rounded.weight, expected.weight) < 0.01);
  CHECK(error(rounded.x, expected.x) < 0.01);
}

TEST_CASE("no rows give no result and zero gradients") {
  const auto x = torch::zeros({0, 4}).requires_grad_(), weight = noise({3, 4}, 1),
             bias = noise({3}, 2);
  const auto y = linear(x, weight, bias, true);
  CHECK(y.sizes() == at::IntArrayRef({0, 3}));
  y.sum().backward();
  CHECK(weight.grad().equal(torch::zeros({3, 4})));
  CHECK(bias.grad().equal(torch::zeros({3})));
}

TEST_CASE("what is not a number is not hidden by relu") {
  const auto x = torch::ones({2, 20}).requires_grad_(), weight = torch::ones({40, 20}),
             bias = torch::zeros({40});
  weight[3][0] = weight[39][0] = std::nanf("");
  const auto y = linear(x, weight, bias, true);
  CHECK(y.isnan().sum().item<int64_t>() == 4);
  y.sum().backward();
  CHECK(x.grad().isnan().any().item<bool>());
}

TEST_CASE("results and bias gradients are the same bits for any number of threads") {
  const auto map = [](const auto& x, const auto& w, const auto& b) {
    return linear(x, w, b, true);
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Results one = results_of({500, 64}, 2048, map);
  at::set_num_threads(2);
  const Results two = results_of({500, 64}, 2048, map);
  at::set_num_threads(threads);
  CHECK(one.bias.equal(two.bias));
  CHECK(one.y.equal(two.y));
}

struct Place final : GradientPlace {
  void operator()(const torch::autograd::Variable& tensor) override {
    was_there = tensor.grad().data_ptr() == place.data_ptr();
    if (!was_there) place.copy_(tensor.grad());
    is_taken = false;
  }
  bool was_there = false;
};

Place* place_for(const torch::Tensor& weight) {
  auto hook = std::make_unique<Place>();
  Place* const out = hook.get();
  out->place = torch::full_like(weight.detach(), 99.0F);
  torch::autograd::impl::set_post_acc_grad_hooks(weight, std::move(hook));
  return out;
}

TEST_CASE("a first gradient is written where it is wanted, and others are added to it") {
  const auto x = noise({6, 4}, 1), weight = noise({3, 4}, 2), bias = noise({3}, 3);
  Place* const place = place_for(weight);
  const auto expected = x.detach().sum(0).expand({3, 4});
  linear(x, weight, bias).sum().backward();
  CHECK(place->was_there);
  CHECK(torch::allclose(place->place, expected));
  linear(x, weight, bias).sum().backward();  // a second micro-batch
  CHECK(torch::allclose(weight.grad(), 2 * expected));
  // Used twice in one pass.
  weight.mutable_grad() = torch::Tensor();
  (linear(x, weight, bias).sum() + linear(2 * x, weight, bias).sum()).backward();
  CHECK(torch::allclose(weight.grad(), 3 * expected));
  CHECK(torch::allclose(place->place, 3 * expected));
}

TEST_CASE("the place has the gradient of all rows that were rounded") {
  const auto x = noise({1500, 4}, 1), weight = noise({3, 4}, 2), bias = noise({3}, 3);
  Place* const place = place_for(weight);
  const auto map = [](const auto& a, const auto& w, const auto& b) { return linear(a, w, b); };
  cast(map)(x, weight, bias).sum().backward();
  CHECK(torch::allclose(place->place, x.detach().sum(0).expand({3, 4}), 0.01, 0.2));
}

}  // namespace
}  // namespace xp
