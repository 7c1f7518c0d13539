// Kinds that work on tensors: router, exchange, optimizer.
//
// Shapes: T tokens, E experts, N kept rows, D width.
#include "engine/laws/laws.h"
#include "engine/testing/ranks.h"
#include "registry/exchange.h"
#include "registry/optimizer.h"
#include "registry/router.h"

#include <torch/csrc/autograd/autograd.h>

#include <cmath>

namespace xp {
namespace {

torch::Tensor random(const std::vector<int64_t>& shape, int64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(static_cast<uint64_t>(seed)));
}

bool is_finite(const torch::Tensor& tensor) {
  return !tensor.defined() || tensor.isfinite().all().item<bool>();
}

bool is_between(const torch::Tensor& tensor, int64_t low, int64_t high) {
  return tensor.numel() == 0 ||
         (tensor.min().item<int64_t>() >= low && tensor.max().item<int64_t>() < high);
}

/// Draws as always, and counts how often.
struct CountedDraws final : Draws {
  int64_t count = 0;
  torch::Tensor uniform(const std::vector<int64_t>& shape,
                        const torch::TensorOptions& options) override {
    ++count;
    return Draws::uniform(shape, options);
  }
  torch::Tensor gumbel(const std::vector<int64_t>& shape,
                       const torch::TensorOptions& options) override {
    ++count;
    return Draws::gumbel(shape, options);
  }
};

Routing routed(const Router& router, const RouteCall& call) {
  torch::manual_seed(7);
  return router.route(call);
}

void try_routing(const Routing& routing, const RouteCall& call, Trial& trial) {
  const int64_t T = call.logits_TE.size(0), E = call.logits_TE.size(1);
  trial.expect(routing.count_E.numel() == E && routing.count_E.scalar_type() == torch::kLong &&
                   routing.count_E.is_cpu(),
               "every expert has its count, on the CPU");
  const int64_t N = routing.count_E.sum().item<int64_t>();
  trial.expect(routing.token_N.numel() == N && routing.weight_N.numel() == N,
               "there are as many rows as the counts say");
  trial.expect(is_between(routing.token_N, 0, T), "rows are of tokens that there are");
  trial.expect(routing.weight_N.scalar_type() == call.logits_TE.scalar_type(),
               "weights have the type of the logits");
  trial.expect(N == 0 || routing.weight_N.min().item<double>() >= 0, "weights are not negative");
  if (routing.token_N.numel() != N) return;
  int64_t start = 0;
  for (int64_t e = 0; e < E; ++e) {
    const int64_t count = routing.count_E[e].item<int64_t>();
    const auto rows = routing.token_N.slice(0, start, start + count);
    trial.expect(std::get<0>(at::_unique(rows)).numel() == count,
                 "an expert gets a token once at most");
    start += count;
  }
  if (call.pad_T.defined() && N > 0)
    trial.expect(!call.pad_T.index_select(0, routing.token_N).any().item<bool>(),
                 "pads reach no expert");
  for (const auto& [name, value] : routing.metrics)
    trial.expect(T == 0 || is_finite(value), "figures are finite");
}

void try_gradient(const Routing& routing, const torch::Tensor& logits_TE, Trial& trial) {
  const auto objective = routing.weight_N.to(torch::kDouble).square().sum() + routing.balance;
  trial.expect(is_finite(objective), "weights and the balance loss are finite");
  trial.expect(objective.requires_grad(), "the logits learn from weights and balance");
  if (!objective.requires_grad()) return;
  const auto gradient = torch::autograd::grad({objective}, {logits_TE}, {}, false, false, true)[0];
  trial.expect(is_finite(gradient), "gradients are finite");
}

constexpr int64_t kWidth = 20;

struct Passed {
  torch::Tensor y_TD, grad_x_TD, x_TD;
  double balance = 0;
};

// Experts that change nothing, so that every token must come back as it went.
Passed pass(const Exchange& exchange, const Groups& groups) {
  const int64_t rank = groups.world->rank(), E = groups.world->size();
  const int64_t T = rank == 2 ? 0 : 5 + rank;
  Passed out;
  out.x_TD = random({T, kWidth}, rank);
  const auto x_TD = out.x_TD.clone().requires_grad_();
  const auto logits_TE = random({T, E}, rank + 100).requires_grad_();
  const auto router = make_part<Router>({{"use", "top2"}});
  Draws draws;
  std::map<std::string, Traffic> traffic;
  const MoeCall call{
      x_TD,
      logits_TE,
      *router,
      {0, -1, true},
      groups,
      1,
      {},
      Compatibility::kNone,
      &draws,
      [&](const std::string& part) { return &traffic[part]; },
      [](int64_t, const torch::Tensor& rows, const torch::Tensor&) { return rows * 1; }};
  const MoeResult result = exchange.forward(call);
  auto objective = (result.y_TD * random({T, kWidth}, 5)).sum();
  if (result.balance.defined()) {
    objective = objective + result.balance;
    out.balance = result.balance.item<double>();
  }
  objective.backward();
  out.y_TD = result.y_TD.detach();
  out.grad_x_TD = x_TD.grad();
  return out;
}

}  // namespace

void try_router(const Router& router, Trial& trial) {
  for (const int64_t T : {0, 1, 7, 64}) {
    for (const int64_t E : {1, 2, 8}) {
      for (const CapacityRule& rule :
           {CapacityRule{0, -1, true}, CapacityRule{0.5, -1, true}, CapacityRule{1.25, -1, true},
            CapacityRule{1.25, 0.5, false}, CapacityRule{1, 0, false}}) {
        const auto logits_TE = random({T, E}, T * 10 + E).requires_grad_();
        CountedDraws draws;
        RouteCall call{logits_TE, rule, {}, Compatibility::kNone, &draws};
        const Routing routing = routed(router, call), again = routed(router, call);
        try_routing(routing, call, trial);
        if (T > 0) try_gradient(routing, logits_TE, trial);
        trial.expect(torch::equal(routing.token_N, again.token_N) &&
                         torch::equal(routing.weight_N, again.weight_N),
                     "the same logits and draws are routed the same");
        trial.expect(rule.training || draws.count == 0, "evaluation draws no random numbers");
        call.pad_T = torch::arange(T).remainder(3) == 0;
        call.compatibility = Compatibility::kSeed;  // the only one that has pads here
        try_routing(routed(router, call), call, trial);
      }
    }
  }
}

void try_choices(const Router& router, const Value& choices, Trial& trial) {
  if (!choices.is_number()) return;
  constexpr int64_t kTokens = 64;
  CountedDraws draws;
  const Routing routing = routed(
      router,
      {random({kTokens, 8}, 1), CapacityRule{1, 0, false}, {}, Compatibility::kNone, &draws});
  trial.expect(static_cast<double>(routing.token_N.size(0)) <= kTokens * choices.get<double>(),
               "tokens reach no more experts than the figure 'choices' says");
}

void try_exchange(const Exchange& exchange, Trial& trial) {
  for (const Topology& topology : {Topology{1, 1}, Topology{2, 2}}) {
    const auto widths = exchange.part_widths(kWidth, topology, Compatibility::kNone);
    int64_t sum = 0;
    for (const int64_t width : widths)
      sum += width;
    trial.expect(sum == kWidth, "the parts' widths make up the whole");
    const auto twice = [&](const Groups& groups) {
      return std::pair(pass(exchange, groups), pass(exchange, groups));
    };
    for (const auto& [one, other] : on_ranks<std::pair<Passed, Passed>>(topology, twice)) {
      trial.expect(one.y_TD.sizes() == one.x_TD.sizes(), "every token has its row");
      if (one.y_TD.sizes() != one.x_TD.sizes()) return;
      trial.expect(torch::allclose(one.y_TD, one.x_TD, 1e-4, 1e-5),
                   "what experts leave alone comes back where it was, unchanged");
      trial.expect(is_finite(one.grad_x_TD) && std::isfinite(one.balance),
                   "gradients and the balance loss are finite");
      trial.expect(
          torch::equal(one.y_TD, other.y_TD) && torch::equal(one.grad_x_TD, other.grad_x_TD),
          "the same tokens give the same bits");
    }
  }
}

void try_optimizer(const Optimizer& optimizer, Trial& trial) {
  constexpr int64_t kSize = 12, kCut = 5;
  trial.expect(std::isfinite(optimizer.lr()) && optimizer.lr() > 0, "the learning rate is above 0");
  const auto updated = [&](int64_t from, int64_t to) {
    auto parameters = random({kSize}, 1).slice(0, from, to).clone();
    OptimizerState state;
    for (const auto& name : optimizer.state_names())
      state[name] = torch::zeros({to - from});
    for (int64_t update = 1; update <= 3; ++update)
      optimizer.apply(parameters, random({kSize}, update + 10).slice(0, from, to).clone(), state,
                      update, optimizer.lr());
    for (const auto& [name, tensor] : state)
      trial.expect(is_finite(tensor) && tensor.numel() == to - from,
                   "the state stays finite and as large as the buffer");
    return parameters;
  };
  const auto whole = updated(0, kSize);
  trial.expect(is_finite(whole), "parameters stay finite");
  trial.expect(!torch::equal(whole, random({kSize}, 1)), "gradients change parameters");
  trial.expect(torch::equal(whole, torch::cat({updated(0, kCut), updated(kCut, kSize)})),
               "a buffer may be cut anywhere");
}

}  // namespace xp
