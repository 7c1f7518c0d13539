// The gates against golden numbers made by the predecessor's own functions (predecessor.md 2.3).
#include "registry/router.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix
using Catch::Approx;

namespace {

double figure(const Routing& routing, const char* name) {
  return routing.metrics.at(name).item<double>();
}

torch::Tensor six_tokens() {
  return torch::tensor({2.0, 1.0, 0.0, -1.0, 3.0, 2.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0,
                        0.0, 0.0, 2.0, 1.0,  4.0, 1.0, 0.0, 0.0, 0.0, 3.0, 1.0, 0.0},
                       torch::kFloat)
      .view({6, 4});
}

Routing route(const Value& settings, const CapacityRule& rule,
              const torch::Tensor& logits = six_tokens()) {
  Draws draws;
  return make_part<Router>(settings)->route({logits, rule, {}, Compatibility::kNone, &draws});
}

// "0:(4,1.00)(1,0.73) 1:..." : by expert, the tokens of its slots in order with their weights.
std::string slots(const Routing& routing) {
  std::string out;
  int64_t row = 0;
  for (int64_t expert = 0; expert < routing.count_E.numel(); ++expert) {
    out += fmt::format("{}{}:", out.empty() ? "" : " ", expert);
    for (int64_t slot = 0; slot < routing.count_E[expert].item<int64_t>(); ++slot, ++row) {
      out += fmt::format("({},{:.4f})", routing.token_N[row].item<int64_t>(),
                         routing.weight_N[row].item<double>());
    }
  }
  return out;
}

const Value kTop2InOrder = {{"use", "top2"}, {"prioritized", false}};
const Value kTop1InOrder = {{"use", "top1"}, {"prioritized", false}};

}  // namespace

TEST_CASE("top-2 fills slots with first choices, then second choices (golden A)") {
  const Routing routing = route(kTop2InOrder, {1.0, -1, true});
  CHECK(slots(routing) ==
        "0:(0,0.7311)(1,0.7311)(2,0.6225)(4,1.0000) 1:(5,0.8808)(0,0.2689)(1,0.2689)(2,0.3775) "
        "2:(3,0.7311)(5,0.1192) 3:(3,0.2689)");
  CHECK(routing.balance.item<double>() == Approx(1.542474).epsilon(1e-6));
  CHECK(figure(routing, "entropy") == Approx(0.859344).epsilon(1e-5));
  CHECK(figure(routing, "overflow_first") == 0);
  CHECK(figure(routing, "overflow_second") == Approx(16.6667).epsilon(1e-5));
  CHECK(figure(routing, "unused_first") == 1);
  CHECK(figure(routing, "unused_second") == 1);
  CHECK(figure(routing, "balance_top_first") == Approx(66.6667).epsilon(1e-5));
  CHECK(figure(routing, "balance_bottom_first") == 0);
  CHECK(figure(routing, "unrouted") == 0);
}

TEST_CASE("a token that lost one expert gives all to the other, before or after (golden E, E2)") {
  const Value before = {{"use", "top2"}, {"prioritized", false}, {"normalize", "before-dropping"}};
  CHECK(slots(route(before, {0.5, -1, true})) ==
        "0:(0,0.7311)(1,0.7311) 1:(5,0.8808)(0,0.2689) 2:(3,0.7311)(5,0.1192) 3:(3,0.2689)");
  const Routing after = route(kTop2InOrder, {0.5, -1, true});
  CHECK(slots(after) ==
        "0:(0,0.7311)(1,1.0000) 1:(5,0.8808)(0,0.2689) 2:(3,0.7311)(5,0.1192) 3:(3,0.2689)");
  CHECK(figure(after, "overflow_first") == Approx(33.3333).epsilon(1e-5));
  CHECK(figure(after, "overflow_second") == Approx(50));
  CHECK(figure(after, "unrouted") == Approx(0.333333).epsilon(1e-5));
}

TEST_CASE(
    "evaluation takes its capacity from the fraction, or from training where negative (golden F, "
    "G)") {
  const Routing half = route(kTop2InOrder, {1.0, 0.5, false});
  CHECK(slots(half) ==
        "0:(0,0.7311)(1,0.7311)(2,1.0000) 1:(5,0.8808)(0,0.2689)(1,0.2689) 2:(3,0.7311)(5,0.1192) "
        "3:(3,0.2689)");
  CHECK(slots(route(kTop2InOrder, {1.0, -1, false})) ==
        slots(route(kTop2InOrder, {1.0, -1, true})));
}

TEST_CASE("prioritized routing serves the surest token first") {
  const auto tokens = six_tokens().slice(0, 0, 5);
  CHECK(slots(route({{"use", "top2"}}, {0, -1, true}, tokens)).substr(0, 46) ==
        "0:(4,0.9526)(1,0.7311)(0,0.7311)(2,0.6225) 1:(");
}

TEST_CASE("top-1 weighs by the raw probability (golden H)") {
  const Routing routing = route(kTop1InOrder, {1.0, -1, true});
  CHECK(slots(routing) == "0:(0,0.6439)(1,0.6815) 1:(5,0.8098) 2:(3,0.6103) 3:");
  CHECK(routing.balance.item<double>() == Approx(1.542474).epsilon(1e-6));
}

TEST_CASE("pads get no slot but count for the capacity and the balance loss (golden B, C, I)") {
  const auto pads = torch::tensor({false, false, false, false, false, true});
  const auto with_pads = [&](const Value& settings, const CapacityRule& rule) {
    Draws draws;
    return make_part<Router>(settings)->route(
        {six_tokens(), rule, pads, Compatibility::kSeed, &draws});
  };
  const Routing in_order = with_pads(kTop2InOrder, {1.0, -1, true});
  CHECK(slots(in_order) ==
        "0:(0,0.7311)(1,0.7311)(2,0.6225)(4,0.9526) 1:(0,0.2689)(1,0.2689)(2,0.3775)(4,0.0474) "
        "2:(3,0.7311) 3:(3,0.2689)");
  CHECK(in_order.balance.item<double>() == Approx(1.355283).epsilon(1e-6));
  CHECK(slots(with_pads({{"use", "top2"}}, {1.0, -1, true})) ==
        "0:(4,0.9526)(1,0.7311)(0,0.7311)(2,0.6225) 1:(4,0.0474)(1,0.2689)(0,0.2689)(2,0.3775) "
        "2:(3,0.7311) 3:(3,0.2689)");
  CHECK(slots(with_pads({{"use", "top1"}}, {1.0, -1, true})) ==
        "0:(4,0.9205)(1,0.6815) 1: 2:(3,0.6103) 3:");
}

TEST_CASE("evaluation draws no random numbers, so that two of them agree") {
  struct NoDraws final : Draws {
    torch::Tensor uniform(const std::vector<int64_t>&, const torch::TensorOptions&) override {
      throw Error(Blame::kBug, "drawn");
    }
    torch::Tensor gumbel(const std::vector<int64_t>&, const torch::TensorOptions&) override {
      throw Error(Blame::kBug, "drawn");
    }
  };
  for (const char* policy : {"sampling", "random"}) {
    NoDraws draws;
    const auto router = make_part<Router>({{"use", "top2"}, {"second_expert", policy}});
    CHECK_NOTHROW(router->route({six_tokens(), {0, 0, false}, {}, Compatibility::kNone, &draws}));
    CHECK_THROWS_AS(router->route({six_tokens(), {0, 0, true}, {}, Compatibility::kNone, &draws}),
                    Error);
  }
}
