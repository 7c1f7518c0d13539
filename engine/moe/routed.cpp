// Dispatch by index, exchange of exact rows, combination by weighted sums.
#include "engine/moe/routed.h"

#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/device/ops.h"
#include "engine/moe/counts.h"

namespace xp {
namespace {

// The order of the arriving rows by expert: rows come by source rank, then expert; experts want
// them by expert, then source. Undefined if one expert or one rank makes both orders equal.
torch::Tensor by_expert(const torch::Tensor& counts_RX) {
  if (counts_RX.size(0) == 1 || counts_RX.size(1) == 1) return {};
  const auto expert_of_block = torch::arange(counts_RX.size(1)).repeat(counts_RX.size(0));
  const auto expert_M = expert_of_block.repeat_interleave(counts_RX.flatten());
  return expert_M.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
}

}  // namespace

torch::Tensor starts_of(const torch::Tensor& count_X) {
  return torch::constant_pad_nd(count_X.cumsum(0), {1, 0});
}

torch::Tensor run_experts(const torch::Tensor& rows_MD, const torch::Tensor& counts_RX,
                          const ExpertsFunction& experts) {
  const auto start_X1 = starts_of(counts_RX.sum(0));
  const auto order_M = by_expert(counts_RX);
  if (!order_M.defined()) return experts(rows_MD, start_X1);
  const auto results = experts(rows_MD.index_select(0, to_device(order_M)), start_X1);
  return results.index_select(0, to_device(order_M.argsort()));
}

torch::Tensor dispatched(const torch::Tensor& x_TD, const Routing& routing) {
  return x_TD.is_cpu() ? x_TD.index_select(0, routing.token_N) : gather_rows(x_TD, routing.token_N);
}

torch::Tensor combined(const torch::Tensor& rows_ND, const Routing& routing,
                       const torch::Tensor& x_TD) {
  if (!x_TD.is_cpu())
    return scatter_rows(rows_ND.to(x_TD.dtype()), routing.token_N, routing.weight_N, x_TD.size(0));
  // Under autocast the experts answer in bfloat16; sums are kept in the layer's own type.
  const auto weighted_ND = (rows_ND * routing.weight_N.unsqueeze(1)).to(x_TD.dtype());
  return torch::zeros_like(x_TD).index_add(0, routing.token_N, weighted_ND);
}

DirectRows::DirectRows(torch::Tensor x_TD, Routing routing, Group& group, int64_t experts_per_rank,
                       Traffic* traffic, Wire wire)
    : x_TD_(std::move(x_TD)),
      routing_(std::move(routing)),
      group_(group),
      traffic_(traffic),
      wire_(wire) {
  check(routing_.count_E.numel() == group.size() * experts_per_rank,
        "a routing counts the rows of every expert of its group");
}

void DirectRows::send(const torch::Tensor& arriving_RX) {
  arriving_RX_ = arriving_RX;
  sent_ = to_vector(counts().sum(1));
  taken_ = to_vector(arriving_RX_.sum(1));
  rows_ = dispatched(x_TD_, routing_);
  if (group_.size() > 1) in_flight_ = send_rows(rows_, sent_, taken_, group_, traffic_, wire_);
}

void DirectRows::receive() {
  if (group_.size() == 1) return;
  give_turn_for(in_flight_);
  rows_ = receive_rows(std::move(in_flight_));
}

void DirectRows::run(const ExpertsFunction& experts) {
  receive();
  rows_ = run_experts(rows_, arriving_RX_, experts);
  if (group_.size() > 1) in_flight_ = send_rows(rows_, taken_, sent_, group_, traffic_, wire_);
}

torch::Tensor DirectRows::finish() {
  receive();
  return combined(rows_, routing_, x_TD_);
}

}  // namespace xp
