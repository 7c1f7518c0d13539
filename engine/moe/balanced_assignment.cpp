// The auction and its end.
#include "engine/moe/balanced_assignment.h"

#include "engine/device/ops.h"
#include "engine/moe/counts.h"
#include "engine/moe/slots.h"

#include <torch/library.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace xp {
namespace {

constexpr int kKeepRounds = 100;    // while young, who holds a job bids for it again
constexpr int kQuickRounds = 300;   // until every job has a bid
constexpr int kStrictRounds = 600;  // until every job has a bid above the smallest

// One auction: the jobs that each worker holds in the last round, [workers x jobs each]; whether
// every job is held by exactly one.
struct Outcome {
  torch::Tensor jobs;
  bool is_permutation;
};

bool is_permutation(const torch::Tensor& jobs, int64_t J) {
  return torch::bincount(jobs, {}, J).eq(1).all().item<bool>();
}

Outcome auction(const torch::Tensor& value_KJ, int64_t each, bool strict) {
  const int64_t K = value_KJ.size(0), J = value_KJ.size(1);
  const auto highest = value_KJ.max();
  const auto step = ((highest - value_KJ.min()) / 50).clamp_min(1e-4);
  const double smallest_bid = step.item<double>();
  auto worth_KJ = value_KJ;
  auto cost_J = torch::zeros({J}, value_KJ.options());
  torch::Tensor held;  // of the last round, as indices into [K * J]
  torch::Tensor jobs;
  const int rounds = strict ? kStrictRounds : kQuickRounds;
  for (int round = 0; round < rounds; ++round) {
    const auto [best, index] = worth_KJ.topk(each + 1, 1);
    jobs = index.slice(1, 0, each).flatten();
    const auto bid = best.slice(1, 0, each) - best.slice(1, each, each + 1) + step;
    auto bid_KJ =
        torch::zeros({K, J}, value_KJ.options()).scatter_(1, index.slice(1, 0, each), bid);
    if (round > 0 && round < kKeepRounds) bid_KJ.view(-1).index_fill_(0, held, smallest_bid);
    const auto [top_J, bidder_J] = bid_KJ.max(0);
    if ((strict ? top_J > step : top_J > 0).all().item<bool>()) break;
    const auto sold = (top_J > 0).nonzero().squeeze(1);
    held = bidder_J.index_select(0, sold) * J + sold;
    cost_J += top_J;
    worth_KJ = value_KJ - cost_J;
    const auto kept_worth = round < kKeepRounds ? highest.expand({held.size(0)})
                                                : value_KJ.reshape(-1).index_select(0, held);
    worth_KJ.view(-1).index_put_({held}, kept_worth);
  }
  return {jobs, is_permutation(jobs, J)};
}

// Jobs held twice go to the first holder; the rest, best score first, to the worker with room that
// wants them most.
torch::Tensor dealt_out(const torch::Tensor& jobs, const torch::Tensor& value_KJ, int64_t each) {
  const int64_t K = value_KJ.size(0), J = value_KJ.size(1);
  const auto value = value_KJ.to(torch::kCPU, torch::kFloat).contiguous();
  const auto worth = value.accessor<float, 2>();
  std::vector<std::vector<int64_t>> of(static_cast<size_t>(K));
  std::vector<bool> taken(static_cast<size_t>(J), false);
  const auto claimed = to_vector(jobs);
  for (size_t i = 0; i < claimed.size(); ++i) {
    const auto job = static_cast<size_t>(claimed[i]);
    if (!taken[job]) of[i / static_cast<size_t>(each)].push_back(claimed[i]);
    taken[job] = true;
  }
  std::vector<int64_t> left;
  for (int64_t job = 0; job < J; ++job)
    if (!taken[static_cast<size_t>(job)]) left.push_back(job);
  const auto best = to_vector(value.argmax(0));
  const auto best_worth = [&](int64_t job) { return worth[best[static_cast<size_t>(job)]][job]; };
  std::stable_sort(left.begin(), left.end(),
                   [&](int64_t a, int64_t b) { return best_worth(a) > best_worth(b); });
  for (const int64_t job : left) {
    int64_t chosen = -1;
    for (int64_t k = 0; k < K; ++k) {
      const bool has_room = static_cast<int64_t>(of[static_cast<size_t>(k)].size()) < each;
      if (has_room && (chosen < 0 || worth[k][job] > worth[chosen][job])) chosen = k;
    }
    of[static_cast<size_t>(chosen)].push_back(job);
  }
  std::vector<int64_t> flat;
  for (const auto& mine : of)
    flat.insert(flat.end(), mine.begin(), mine.end());
  return torch::tensor(flat, torch::kLong).to(value_KJ.device());
}

// xp::balanced_assignment (engine/device/ops.h) on the CPU.
torch::Tensor assigned_jobs(const torch::Tensor& value_KJ, int64_t each) {
  Outcome outcome = auction(value_KJ, each, /*strict=*/false);
  if (!outcome.is_permutation) outcome = auction(value_KJ, each, /*strict=*/true);
  return outcome.is_permutation ? outcome.jobs : dealt_out(outcome.jobs, value_KJ, each);
}

TORCH_LIBRARY_IMPL(xp, CPU, m) {
  m.impl("balanced_assignment", &assigned_jobs);
}

}  // namespace

Assignment balanced_assignment(const torch::Tensor& score_TK) {
  const int64_t T = score_TK.size(0), K = score_TK.size(1);
  const int64_t each = (T + K - 1) / K, spare = each * K - T;
  auto score = score_TK.detach();
  if (!score.is_floating_point() || score.itemsize() < 4) score = score.to(torch::kFloat);
  if (T == 0 || K == 1)
    return {torch::arange(T, score.options().dtype(torch::kLong)),
            torch::full({K}, T, torch::kLong)};
  const auto finite = score.isfinite();
  if (!score.is_cpu()) {
    const auto lowest = torch::where(finite, score, std::numeric_limits<double>::infinity()).min();
    score = torch::where(finite, score, torch::where(lowest.isfinite(), lowest, 0));
  } else if (!finite.all().item<bool>()) {
    const auto known = score.masked_select(finite);
    const auto lowest = known.numel() == 0 ? torch::zeros({}, score.options()) : known.min();
    score = torch::where(finite, score, lowest);
  }
  auto value_KJ = score.t().contiguous();
  if (spare > 0) {
    // A job of nobody for each of the last `spare` groups, wanted by it alone.
    auto nobody = value_KJ.min().expand({K, spare}).clone();
    nobody.slice(0, K - spare, K).diagonal().copy_(value_KJ.max().expand({spare}));
    value_KJ = torch::cat({value_KJ, nobody}, 1);
  }
  const auto order = balanced_jobs(value_KJ, each);
  if (spare == 0) return {order, torch::full({K}, each, torch::kLong)};
  const auto real = order < T;
  const auto size_K = real.view({K, each}).sum(1).to(torch::kCPU);
  if (order.is_cpu()) return {order.masked_select(real), size_K};
  const auto first = real.logical_not().argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  return {order.index_select(0, first.slice(0, 0, T)), size_K};
}

Assignment greedy_assignment(const torch::Tensor& score_TK) {
  const auto group_T = score_TK.detach().argmax(1);
  return {group_T.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false),
          counted(group_T, score_TK.size(1)).to(torch::kCPU)};
}

}  // namespace xp
