// Passes over a row of logits, against plain loops.
#include "engine/nn/row_loss.h"

#include "engine/nn/waves_fixture.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

double log_sum(const std::vector<float>& logits) {
  double sum = 0;
  for (const float logit : logits)
    sum += std::exp(static_cast<double>(logit));
  return std::log(sum);
}

}  // namespace

TEST_CASE("the logarithm of a sum of exponentials, whatever their number and size") {
  for (const size_t count : {1, 15, 16, 17, 1000, 8000}) {
    const auto logits = waves(count);
    CHECK(log_sum_exp(logits) == Catch::Approx(log_sum(logits)).epsilon(1e-6));
  }
  CHECK(log_sum_exp(std::vector<float>{1000, 1000}) == Catch::Approx(1000 + std::log(2)));
  CHECK(log_sum_exp(std::vector<float>{-1e4F, 3, kNone}) == Catch::Approx(3));
  CHECK(std::isnan(log_sum_exp(std::vector<float>{1, std::nanf(""), 2})));
}

TEST_CASE("a row's loss is that of its target, its gradient the difference of distributions") {
  for (const size_t count : {1, 15, 16, 17, 1000, 8000}) {
    const auto logits = waves(count);
    const size_t target = count / 2;
    double mean = 0;
    for (const float logit : logits)
      mean += static_cast<double>(logit) / static_cast<double>(count);
    const double sum = log_sum(logits);
    for (const double smoothing : {0.0, 0.1}) {
      auto gradient = logits;
      const RowLoss loss = row_gradient(gradient, static_cast<int64_t>(target), smoothing);
      CHECK(loss.nll == Catch::Approx(sum - static_cast<double>(logits[target])).margin(1e-5));
      CHECK(loss.spread == Catch::Approx(smoothing > 0 ? sum - mean : 0).margin(1e-5));
      const RowLoss alone = row_loss(logits, static_cast<int64_t>(target), smoothing);
      CHECK(alone.nll == loss.nll);
      CHECK(alone.spread == loss.spread);
      double worst = 0;
      for (size_t i = 0; i < count; ++i) {
        const double wanted =
            smoothing / static_cast<double>(count) + (i == target ? 1 - smoothing : 0);
        const double expected = std::exp(static_cast<double>(logits[i]) - sum) - wanted;
        worst = std::max(worst, std::abs(static_cast<double>(gradient[i]) - expected));
      }
      CHECK(worst < 1e-6);
    }
  }
}

TEST_CASE("logits that are not finite make a loss that is not") {
  std::vector<float> logits = {1, std::nanf(""), 2};
  CHECK(std::isnan(row_gradient(logits, 0, 0.1).nll));
  CHECK(std::isnan(logits[2]));
  CHECK(std::isnan(row_loss(std::vector<float>{1, -kNone}, 0, 0.1).nll));
}

TEST_CASE("squares are summed whatever their number") {
  for (const size_t count : {0, 1, 15, 16, 31, 32, 33, 4096, 10007}) {
    const auto values = waves(count);
    double sum = 0;
    for (const float value : values)
      sum += static_cast<double>(value) * static_cast<double>(value);
    CHECK(sum_of_squares(values) == Catch::Approx(sum).epsilon(1e-6));
  }
}
