// Dispatch by index, exchange of exact rows, combination by weighted sums.
#include "engine/moe/routed.h"

#include "engine/base/error.h"

namespace xp {
namespace {

constexpr int64_t kNotes = 3;  // beside the counts: row width, type of its values, "not finite"

// The order of the arriving rows by expert: rows come by source rank, then expert; experts want
// them by expert, then source. Undefined if one expert or one rank makes both orders equal.
torch::Tensor by_expert(const torch::Tensor& counts_RX) {
  if (counts_RX.size(0) == 1 || counts_RX.size(1) == 1) return {};
  const auto expert_of_block = torch::arange(counts_RX.size(1)).repeat(counts_RX.size(0));
  const auto expert_M = expert_of_block.repeat_interleave(counts_RX.flatten());
  return expert_M.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
}

}  // namespace

std::vector<int64_t> to_vector(const torch::Tensor& integers) {
  const auto cpu = integers.to(torch::kCPU).contiguous();
  const auto* first = cpu.data_ptr<int64_t>();
  return {first, first + cpu.numel()};
}

torch::Tensor run_experts(const torch::Tensor& rows_MD, const torch::Tensor& counts_RX,
                          const ExpertFunction& expert) {
  if (counts_RX.size(1) == 1) return expert(0, rows_MD);
  const auto order_M = by_expert(counts_RX);
  const auto sorted = order_M.defined() ? rows_MD.index_select(0, order_M) : rows_MD;
  const auto parts = sorted.split_with_sizes(to_vector(counts_RX.sum(0)));
  std::vector<torch::Tensor> out;
  for (size_t i = 0; i < parts.size(); ++i)
    out.push_back(expert(static_cast<int64_t>(i), parts[i]));
  const auto results = torch::cat(out);
  return order_M.defined() ? results.index_select(0, order_M.argsort()) : results;
}

CountExchange::CountExchange(const torch::Tensor& count_E, const torch::Tensor& x_TD,
                             bool is_finite, Group& group)
    : group_(group) {
  const int64_t R = group.size();
  check(count_E.numel() % R == 0, "a routing counts the rows of every expert of its group");
  const auto notes = torch::tensor(
      {x_TD.size(1), static_cast<int64_t>(x_TD.scalar_type()), static_cast<int64_t>(!is_finite)});
  own_ = torch::cat({count_E.view({R, -1}), notes.expand({R, kNotes})}, 1);
  const std::vector<int64_t> one_row(static_cast<size_t>(R), 1);
  pending_ = group.start_all_to_all(own_, one_row, one_row);
}

torch::Tensor CountExchange::wait() {
  const auto taken = pending_->wait();
  const int64_t X = taken.size(1) - kNotes, R = taken.size(0);
  const auto notes = to_vector(taken.slice(1, X, X + kNotes)), own = to_vector(own_[0].slice(0, X));
  for (int64_t member = 0; member < R; ++member) {
    const auto* note = &notes[static_cast<size_t>(member * kNotes)];
    const int64_t rank = group_.world_rank(member);
    if (note[0] != own[0] || note[1] != own[1]) {
      user_error(
          "rank {} has rows of {} values of {}, rank {} of {} of {}; all ranks must run the "
          "same model",
          group_.world_rank(group_.rank()), own[0],
          c10::toString(static_cast<c10::ScalarType>(own[1])), rank, note[0],
          c10::toString(static_cast<c10::ScalarType>(note[1])));
    }
    if (note[2] != 0) {
      user_error(
          "the gate of rank {} has weights that are not finite: the model has diverged; try a "
          "lower train.optimizer.lr, a longer warm-up or train.precision = \"fp32\"",
          rank);
    }
  }
  return taken.slice(1, 0, X);
}

RoutedRows::RoutedRows(torch::Tensor x_TD, Routing routing, Group& group, int64_t experts_per_rank,
                       Traffic* traffic)
    : x_TD_(std::move(x_TD)),
      routing_(std::move(routing)),
      group_(group),
      traffic_(traffic),
      counts_(routing_.count_E, x_TD_, routing_.weight_N.isfinite().all().item<bool>(), group) {
  check(routing_.count_E.numel() == group.size() * experts_per_rank,
        "a routing counts the rows of every expert of its group");
}

void RoutedRows::send() {
  arriving_RX_ = counts_.wait();
  sent_ = to_vector(routing_.count_E.view({group_.size(), -1}).sum(1));
  taken_ = to_vector(arriving_RX_.sum(1));
  rows_ = x_TD_.index_select(0, routing_.token_N);
  if (group_.size() > 1) in_flight_ = send_rows(rows_, sent_, taken_, group_, traffic_);
}

void RoutedRows::run(const ExpertFunction& expert) {
  if (group_.size() > 1) rows_ = receive_rows(std::move(in_flight_));
  rows_ = run_experts(rows_, arriving_RX_, expert);
  if (group_.size() > 1) in_flight_ = send_rows(rows_, taken_, sent_, group_, traffic_);
}

torch::Tensor RoutedRows::finish() {
  if (group_.size() > 1) rows_ = receive_rows(std::move(in_flight_));
  // Under autocast the experts answer in bfloat16; sums are kept in the layer's own type.
  const auto weighted_ND = (rows_ * routing_.weight_N.unsqueeze(1)).to(x_TD_.dtype());
  return torch::zeros_like(x_TD_).index_add(0, routing_.token_N, weighted_ND);
}

torch::Tensor exchange_with_experts(const torch::Tensor& x_TD, const Routing& routing, Group& group,
                                    int64_t experts_per_rank, Traffic* traffic,
                                    const ExpertFunction& expert) {
  RoutedRows rows(x_TD, routing, group, experts_per_rank, traffic);
  rows.send();
  rows.run(expert);
  return rows.finish();
}

}  // namespace xp
