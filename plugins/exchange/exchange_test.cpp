// Exchanges over real ranks against plain loops, and independence of the number of ranks.
//
// Shapes: T tokens of a rank, D width, E experts. Expert e multiplies by e + 1, so that a result
// shows who made it.
#include "registry/exchange.h"

#include "engine/testing/ranks.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int64_t kWidth = 3;

torch::Tensor random(std::vector<int64_t> shape, uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

struct Call {
  Value exchange;
  CapacityRule capacity{0, -1, true};  // dropless
  int64_t experts = 4;
  Value router = {{"use", "top2"}};
  Wire wire = Wire::kExact;
};

struct Outcome {
  torch::Tensor y_TD, grad_x_TD, grad_logits_TE;
  double balance = 0;
  LinkBytes forward, both;
};

// One layer on this rank's tokens; the objective weighs rows differently so that gradients differ
// by row.
Outcome run(const Groups& groups, const Call& call, const torch::Tensor& x,
            const torch::Tensor& logits) {
  const int64_t X = call.experts / groups.world->size(), first = groups.world->rank() * X;
  const auto router = make_part<Router>(call.router);
  const auto x_TD = x.clone().requires_grad_(), logits_TE = logits.clone().requires_grad_();
  const auto experts = [first](int64_t, const torch::Tensor& rows_MD,
                               const torch::Tensor& start_X1) {
    const auto count_X = start_X1.diff();
    const auto factor_X = torch::arange(first + 1, first + 1 + count_X.numel());
    return rows_MD * factor_X.repeat_interleave(count_X).unsqueeze(1);
  };
  const LinkBytes before = groups.world->bytes();
  Draws draws;
  std::map<std::string, Traffic> traffic;
  const MoeResult result = make_part<Exchange>(call.exchange)
                               ->forward({x_TD,
                                          logits_TE,
                                          *router,
                                          call.capacity,
                                          groups,
                                          X,
                                          {},
                                          Compatibility::kNone,
                                          &draws,
                                          [&](const std::string& part) { return &traffic[part]; },
                                          experts,
                                          call.wire});
  Outcome out;
  out.forward = groups.world->bytes() - before;
  (result.y_TD * torch::arange(1, x.size(0) + 1).unsqueeze(1)).sum().backward();
  out.both = groups.world->bytes() - before;
  out.y_TD = result.y_TD.detach();
  out.grad_x_TD = x_TD.grad();
  out.grad_logits_TE = logits_TE.grad();
  out.balance = result.balance.item<double>();
  return out;
}

// Every token through its best two experts of `candidates`, by plain loops.
torch::Tensor by_loops(const torch::Tensor& x_TD, const torch::Tensor& logits_TE, int64_t first,
                       int64_t count) {
  auto y = torch::zeros_like(x_TD);
  for (int64_t t = 0; t < x_TD.size(0); ++t) {
    const auto p = torch::softmax(logits_TE[t].slice(0, first, first + count), 0);
    const auto [weight, expert] = p.topk(2);
    const auto share = weight / weight.sum();
    for (int64_t k = 0; k < 2; ++k) {
      y[t] += share[k] * x_TD[t] * static_cast<double>(first + expert[k].item<int64_t>() + 1);
    }
  }
  return y;
}

bool near(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::allclose(a, b, 1e-4, 1e-5);
}

}  // namespace

TEST_CASE("gshard without drops equals every token through its two best experts") {
  for (const int64_t experts : {4, 8, 12}) {
    const auto outcomes = on_ranks<Outcome>({2, 2}, [&](const Groups& groups) {
      const auto seed = static_cast<uint64_t>(groups.world->rank());
      const int64_t T = 5 + 4 * groups.world->rank();
      return run(groups, {.exchange = {{"use", "gshard"}}, .experts = experts},
                 random({T, kWidth}, seed), random({T, experts}, seed + 100));
    });
    for (uint64_t rank = 0; rank < 4; ++rank) {
      const int64_t T = 5 + 4 * static_cast<int64_t>(rank);
      CHECK(near(outcomes[rank].y_TD, by_loops(random({T, kWidth}, rank),
                                               random({T, experts}, rank + 100), 0, experts)));
    }
  }
}

TEST_CASE("rows that stay are computed where they are, and nothing is sent") {
  const auto outcomes = on_ranks<Outcome>({2, 2}, [&](const Groups& groups) {
    const auto seed = static_cast<uint64_t>(groups.world->rank());
    return run(groups, {.exchange = {{"use", "stay"}}, .experts = 8}, random({6, kWidth}, seed),
               random({6, 8}, seed + 100));
  });
  for (int64_t rank = 0; rank < 4; ++rank) {
    const Outcome& outcome = outcomes[static_cast<size_t>(rank)];
    const auto seed = static_cast<uint64_t>(rank);
    const auto x = random({6, kWidth}, seed), logits = random({6, 8}, seed + 100);
    auto expected = torch::zeros_like(x);
    for (int64_t t = 0; t < 6; ++t) {
      const auto [weight, expert] = torch::softmax(logits[t], 0).topk(2);
      const auto share = weight / weight.sum();
      // Of the two experts here the one with the chosen expert's place.
      for (int64_t k = 0; k < 2; ++k)
        expected[t] += share[k] * x[t] * (2 * rank + expert[k].item<int64_t>() % 2 + 1);
    }
    CHECK(near(outcome.y_TD, expected));
    CHECK(outcome.both.in_node + outcome.both.inter_node == 0);
    CHECK(outcome.grad_logits_TE.abs().sum().item<double>() > 0);
  }
}

TEST_CASE("a rank without tokens takes part and the others are unharmed") {
  const auto outcomes = on_ranks<Outcome>({2, 2}, [&](const Groups& groups) {
    const int64_t T = groups.world->rank() == 2 ? 0 : 6;
    return run(groups, {.exchange = {{"use", "scomoe-seq"}}}, random({T, kWidth}, 1),
               random({T, 4}, 2));
  });
  CHECK(outcomes[2].y_TD.size(0) == 0);
  CHECK(outcomes[0].y_TD.isfinite().all().item<bool>());
  CHECK(outcomes[0].grad_x_TD.abs().sum().item<double>() > 0);
}

TEST_CASE("the shares decide which experts scomoe-seq may use") {
  const auto with = [](double alpha, double beta) {
    return on_ranks<Outcome>({2, 2}, [=](const Groups& groups) {
      const Value exchange = {{"use", "scomoe-seq"}, {"alpha", alpha}, {"beta", beta}};
      const auto seed = static_cast<uint64_t>(groups.world->rank());
      return run(groups, {.exchange = exchange}, random({8, kWidth}, seed),
                 random({8, 4}, seed + 100));
    });
  };
  const auto x = [](uint64_t rank) { return random({8, kWidth}, rank); };
  const auto logits = [](uint64_t rank) { return random({8, 4}, rank + 100); };
  const auto local = with(1, 0), node = with(0, 1), global = with(0, 0);
  for (uint64_t rank = 0; rank < 4; ++rank) {
    const auto first_of_node = static_cast<int64_t>(rank / 2 * 2);
    CHECK(near(local[rank].y_TD, x(rank) * static_cast<double>(rank + 1)));
    CHECK(near(node[rank].y_TD, by_loops(x(rank), logits(rank), first_of_node, 2)));
    CHECK(near(global[rank].y_TD, by_loops(x(rank), logits(rank), 0, 4)));
    CHECK(local[rank].both.inter_node == 0);
    CHECK(node[rank].both.inter_node == 0);
    CHECK(global[rank].both.inter_node > 0);
  }
}

TEST_CASE("shares that sum to 1 in decimals leave no token to the global part") {
  const auto outcomes = on_ranks<Outcome>({2, 2}, [](const Groups& groups) {
    const Value exchange = {{"use", "scomoe-seq"}, {"alpha", 0.7}, {"beta", 0.1 + 0.2}};
    return run(groups, {.exchange = exchange}, random({9, kWidth}, 3), random({9, 4}, 4));
  });
  for (const auto& outcome : outcomes)
    CHECK(outcome.both.inter_node == 0);
}

TEST_CASE("results and gradients do not depend on the number of ranks") {
  const auto x = random({12, kWidth}, 5), logits = random({12, 8}, 6);
  const Call call{.exchange = {{"use", "gshard"}}, .experts = 8};
  const Outcome one = run(alone(), call, x, logits);
  const auto two = on_ranks<Outcome>({1, 2}, [&](const Groups& groups) {
    const int64_t first = 6 * groups.world->rank();
    return run(groups, call, x.slice(0, first, first + 6), logits.slice(0, first, first + 6));
  });
  CHECK(near(torch::cat({two[0].y_TD, two[1].y_TD}), one.y_TD));
  // The second half's rows are weighted 1 .. 6 there and 7 .. 12 here: compare the first half.
  CHECK(near(two[0].grad_x_TD, one.grad_x_TD.slice(0, 0, 6)));
  CHECK(near(two[0].grad_logits_TE, one.grad_logits_TE.slice(0, 0, 6)));
}

TEST_CASE("a token for two experts of another node crosses once, and once back") {
  const auto outcomes = on_ranks<Outcome>({2, 1}, [](const Groups& groups) {
    // All tokens of both ranks choose experts 0 and 1, which live on rank 0.
    const auto logits = torch::tensor({4.0F, 3.0F, 0.0F, 0.0F}).expand({5, 4});
    return run(groups, {.exchange = {{"use", "gshard"}}}, random({5, kWidth}, 7), logits);
  });
  // Counts: two of experts, one of rows, one of choices; width, type and soundness of the rows. A
  // choice is its weight, its row and its expert.
  constexpr int64_t kRowBytes = kWidth * 4, kCountBytes = 7 * 8, kChoiceBytes = 3 * 4;
  CHECK(outcomes[1].forward.inter_node == kCountBytes + 5 * kRowBytes + 10 * kChoiceBytes);
  CHECK(outcomes[0].forward.inter_node == kCountBytes + 5 * kRowBytes);
  for (const auto& rank : outcomes)
    CHECK(rank.both.inter_node == kCountBytes + 2 * 5 * kRowBytes + 10 * kChoiceBytes);
}

TEST_CASE("rows between nodes may travel as bfloat16, those inside a node stay as they are") {
  const auto with = [](const Topology& topology, const char* use, Wire wire) {
    return on_ranks<Outcome>(topology, [&](const Groups& groups) {
      const auto seed = static_cast<uint64_t>(groups.world->rank());
      return run(groups, {.exchange = {{"use", use}}, .wire = wire}, random({9, kWidth}, seed),
                 random({9, 4}, seed + 100));
    });
  };
  for (const char* use : {"gshard", "scomoe-seq", "scomoe-feat"}) {
    INFO(use);
    const auto exact = with({2, 2}, use, Wire::kExact), rounded = with({2, 2}, use, Wire::kBf16);
    for (size_t rank = 0; rank < 4; ++rank) {
      CHECK(torch::allclose(rounded[rank].y_TD, exact[rank].y_TD, 0.02, 0.02));
      CHECK(torch::allclose(rounded[rank].grad_x_TD, exact[rank].grad_x_TD, 0.02, 0.3));
      CHECK_FALSE(rounded[rank].y_TD.equal(exact[rank].y_TD));
      CHECK(rounded[rank].both.inter_node < exact[rank].both.inter_node);
      CHECK(rounded[rank].both.in_node == exact[rank].both.in_node);
    }
    CHECK(with({1, 2}, use, Wire::kBf16)[1].y_TD.equal(with({1, 2}, use, Wire::kExact)[1].y_TD));
  }
}

TEST_CASE("results and gradients have the same bits whether or not the ranks wait for rows") {
  for (const Topology& topology :
       {Topology{1, 1}, Topology{1, 2}, Topology{2, 1}, Topology{2, 2}, Topology{4, 1}}) {
    for (const char* use : {"gshard", "scomoe-seq", "scomoe-feat"}) {
      const auto with = [&](bool overlap) {
        return on_ranks<Outcome>(
            topology,
            [&](const Groups& groups) {
              const auto seed = static_cast<uint64_t>(groups.world->rank());
              return run(groups, {.exchange = {{"use", use}}, .experts = 8},
                         random({11, kWidth}, seed), random({11, 8}, seed + 100));
            },
            overlap);
      };
      INFO(use << " on " << topology.nodes << " x " << topology.ranks_per_node);
      const auto on = with(true), off = with(false);
      for (size_t rank = 0; rank < on.size(); ++rank) {
        CHECK(on[rank].y_TD.equal(off[rank].y_TD));
        CHECK(on[rank].grad_x_TD.equal(off[rank].grad_x_TD));
        CHECK(on[rank].grad_logits_TE.equal(off[rank].grad_logits_TE));
      }
    }
  }
}

TEST_CASE("capacity drops the same rows however the tokens travel") {
  const auto x = random({16, kWidth}, 8), logits = random({16, 4}, 9);
  Call call{.exchange = {{"use", "gshard"}}, .capacity = {0.5, -1, true}};
  const Outcome one = run(alone(), call, x, logits);
  const auto four =
      on_ranks<Outcome>({2, 2}, [&](const Groups& groups) { return run(groups, call, x, logits); });
  for (const auto& outcome : four)
    CHECK(near(outcome.y_TD, one.y_TD));
}

TEST_CASE("scomoe-feat works on slices with the experts of the rank, the node and all ranks") {
  // Expert e multiplies by e + 1 in every part, so that a column shows who made it.
  const auto outcomes = on_ranks<Outcome>({2, 2}, [](const Groups& groups) {
    const Value exchange = {{"use", "scomoe-feat"}, {"alpha", 1.0 / 3}, {"beta", 1.0 / 3}};
    const auto seed = static_cast<uint64_t>(groups.world->rank());
    return run(groups, {.exchange = exchange}, random({8, kWidth}, seed),
               random({8, 4}, seed + 100));
  });
  for (uint64_t rank = 0; rank < 4; ++rank) {
    const auto x = random({8, kWidth}, rank), logits = random({8, 4}, rank + 100);
    const auto column = [&x](int64_t i) { return x.slice(1, i, i + 1); };
    const auto expected =
        torch::cat({column(0) * static_cast<double>(rank + 1),
                    by_loops(column(1), logits, static_cast<int64_t>(rank / 2 * 2), 2),
                    by_loops(column(2), logits, 0, 4)},
                   1);
    CHECK(near(outcomes[rank].y_TD, expected));
  }
}

TEST_CASE("several experts of a rank mix their best two, in tokens and in slices") {
  for (const char* use : {"scomoe-seq", "scomoe-feat"}) {
    for (const int64_t experts : {4, 6, 16}) {
      const auto outcomes = on_ranks<Outcome>({1, 2}, [&](const Groups& groups) {
        const Value exchange = {{"use", use}, {"alpha", 1.0}, {"beta", 0.0}};
        const auto seed = static_cast<uint64_t>(groups.world->rank());
        return run(groups, {.exchange = exchange, .experts = experts}, random({7, kWidth}, seed),
                   random({7, experts}, seed + 100));
      });
      const int64_t X = experts / 2;
      for (uint64_t rank = 0; rank < 2; ++rank) {
        const auto expected = by_loops(random({7, kWidth}, rank), random({7, experts}, rank + 100),
                                       static_cast<int64_t>(rank) * X, X);
        CHECK(near(outcomes[rank].y_TD, expected));
      }
    }
  }
}

TEST_CASE("gradients equal finite differences, through capacity and all three parts") {
  const auto x = random({10, kWidth}, 1), logits = random({10, 4}, 2);
  for (const char* use : {"gshard", "scomoe-seq", "scomoe-feat"}) {
    Call call{.exchange = {{"use", use}}, .capacity = {1.0, -1, true}};
    if (std::string(use) != "gshard") {
      call.exchange["alpha"] = 0.34;
      call.exchange["beta"] = 0.33;
    }
    const auto objective = [&](const torch::Tensor& at) {
      const auto outcomes =
          on_ranks<Outcome>({2, 1}, [&](const Groups& groups) { return run(groups, call, x, at); });
      return (outcomes[0].y_TD * torch::arange(1, 11).unsqueeze(1)).sum().item<double>();
    };
    const auto outcomes = on_ranks<Outcome>(
        {2, 1}, [&](const Groups& groups) { return run(groups, call, x, logits); });
    for (const auto& [row, column] : {std::pair<int64_t, int64_t>{0, 0}, {4, 2}, {9, 3}}) {
      constexpr float kStep = 2e-3F;
      auto up = logits.clone(), down = logits.clone();
      up[row][column] += kStep;
      down[row][column] -= kStep;
      const double slope = (objective(up) - objective(down)) / (2 * kStep);
      INFO(use << " " << row << " " << column);
      CHECK(outcomes[0].grad_logits_TE[row][column].item<double>() ==
            Catch::Approx(slope).margin(0.02));
    }
  }
}

TEST_CASE("no limit and a limit that nothing reaches are the same") {
  const auto with = [](double factor) {
    return on_ranks<Outcome>({2, 1}, [=](const Groups& groups) {
      return run(groups, {.exchange = {{"use", "gshard"}}, .capacity = {factor, -1, true}},
                 random({9, kWidth}, 1), random({9, 4}, 2));
    });
  };
  const auto dropless = with(0), wide = with(100);
  CHECK(dropless[1].y_TD.equal(wide[1].y_TD));
  CHECK(dropless[1].grad_logits_TE.equal(wide[1].grad_logits_TE));
}

TEST_CASE("weights that are not finite are the same error on every rank") {
  try {
    on_ranks<Outcome>({2, 1}, [](const Groups& groups) {
      auto logits = random({5, 4}, 1);
      if (groups.world->rank() == 1) logits[2][0] = std::numeric_limits<float>::quiet_NaN();
      return run(groups, {.exchange = {{"use", "gshard"}}}, random({5, kWidth}, 2), logits);
    });
    FAIL("ran");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "the gate of rank 1 has weights that are not finite: the model has diverged; try a lower "
          "train.optimizer.lr, a longer warm-up or train.precision = \"fp32\"");
  }
}

TEST_CASE("ranks that disagree about a row's width say so instead of waiting") {
  try {
    on_ranks<Outcome>({2, 1}, [](const Groups& groups) {
      return run(groups, {.exchange = {{"use", "gshard"}}},
                 random({5, kWidth + groups.world->rank()}, 2), random({5, 4}, 1));
    });
    FAIL("ran");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "rank 0 has rows of 3 values of Float, rank 1 of 4 of Float; all ranks must run the same "
          "model");
  }
}

TEST_CASE("a rank that dies is named by the others") {
  try {
    on_ranks<Outcome>({2, 2}, [](const Groups& groups) {
      if (groups.world->rank() == 2) throw Error(Blame::kMachine, "gone");
      return run(groups, {.exchange = {{"use", "gshard"}}}, random({5, kWidth}, 2),
                 random({5, 4}, 1));
    });
    FAIL("ran");
  } catch (const Error& error) {
    const std::string what = error.what();
    INFO(what);
    CHECK(what.starts_with("all-to-all: "));
    CHECK(what.ends_with("; rank 2 on node1 is gone"));
  }
}
