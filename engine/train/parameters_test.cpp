// Gradients find their place in the flat buffer, however a backward pass makes them.
#include "engine/train/parameters.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Parameters of 2, 3 and 1 values; one figure behind their gradients.
FlatBuffer three_parameters() {
  FlatBuffer out;
  out.values = torch::ones({6});
  out.gradients = torch::full({7}, 9.0F);
  for (const auto& [begin, end] : {std::pair(0, 2), {2, 5}, {5, 6}}) {
    out.parameters.push_back({std::to_string(begin),
                              out.values.slice(0, begin, end).detach().requires_grad_(), false,
                              nullptr});
  }
  out.collect_gradients();
  return out;
}

std::vector<float> gradients_of(const FlatBuffer& buffer) {
  const auto* const first = buffer.gradients.const_data_ptr<float>();
  return {first, first + buffer.gradients.numel()};
}

}  // namespace

TEST_CASE("gradients of several passes are added in the buffer, missing ones are zero") {
  FlatBuffer buffer = three_parameters();
  std::vector<size_t> told;
  *buffer.listener = [&](size_t parameter) { told.push_back(parameter); };
  const auto& first = buffer.parameters[0].tensor;
  const auto& second = buffer.parameters[1].tensor;
  for (int update = 0; update < 2; ++update) {
    buffer.clear_gradients();
    (first * torch::tensor({1.0F, 2.0F})).sum().backward();
    CHECK_FALSE(second.grad().defined());
    (first.sum() + second.sum() * 4).backward();
    buffer.complete_gradients();
    CHECK(gradients_of(buffer) == std::vector<float>{2, 3, 4, 4, 4, 0, 0});
    CHECK(first.grad().data_ptr() == buffer.gradients.data_ptr());
  }
  CHECK(told.size() == 6);
}

TEST_CASE("a gradient of another layout arrives as it is") {
  FlatBuffer buffer;
  buffer.values = torch::arange(6, torch::kFloat);
  buffer.gradients = torch::zeros({6});
  const auto matrix = buffer.values.view({2, 3}).detach().requires_grad_();
  buffer.parameters.push_back({"matrix", matrix, false, nullptr});
  buffer.collect_gradients();
  buffer.clear_gradients();
  (matrix.t() * torch::arange(6, torch::kFloat).view({3, 2})).sum().backward();
  buffer.complete_gradients();
  CHECK(gradients_of(buffer) == std::vector<float>{0, 2, 4, 1, 3, 5});
}
