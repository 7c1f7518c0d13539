// What crosses is two exchanges that start together: the rows, and for each choice its weight, its
// row and its expert. The weights' gradients come back the way they went.
#include "engine/moe/two_level_rows.h"

#include "engine/base/error.h"
#include "engine/moe/counts.h"

#include <ATen/ops/_unique2.h>

#include <numeric>

namespace xp {
namespace {

torch::Tensor tensor_of(const std::vector<int64_t>& integers) {
  return torch::tensor(integers, torch::kLong);
}

}  // namespace

TwoLevelRows::TwoLevelRows(torch::Tensor x_TD, const Routing& routing, const Groups& groups,
                           int64_t experts_per_rank, Traffic* traffic, Wire wire)
    : x_TD_(std::move(x_TD)),
      groups_(groups),
      experts_per_rank_(experts_per_rank),
      traffic_(traffic),
      wire_(wire) {
  const int64_t M = groups.peers->size(), Y = groups.node->size() * experts_per_rank;
  check(routing.count_E.numel() == M * Y, "a routing counts the rows of every expert");
  const auto count_MY = routing.count_E.view({M, Y});
  count_RX_ = routing.count_E.view({groups.world->size(), experts_per_rank});
  sent_C_ = to_vector(count_MY.sum(1));
  auto& own_rows = sent_C_[static_cast<size_t>(groups.peers->rank())];
  const int64_t first = std::accumulate(sent_C_.begin(), sent_C_.begin() + groups.peers->rank(),
                                        int64_t{0}),
                past = first + own_rows;
  own_.emplace(x_TD_,
               Routing{routing.token_N.slice(0, first, past),
                       routing.weight_N.slice(0, first, past),
                       count_MY[groups.peers->rank()].contiguous(),
                       {},
                       {}},
               *groups.node, experts_per_rank, traffic);
  own_rows = 0;
  pack(routing, first, past);
}

// Finds the tokens that cross to each node, once each, and what was chosen for them there.
void TwoLevelRows::pack(const Routing& routing, int64_t first_own, int64_t past_own) {
  const auto without_own = [&](const torch::Tensor& all_N) {
    return torch::cat({all_N.slice(0, 0, first_own), all_N.slice(0, past_own)});
  };
  const int64_t M = groups_.peers->size(), T = std::max<int64_t>(x_TD_.size(0), 1);
  const int64_t Y = groups_.node->size() * experts_per_rank_;
  const auto expert_N = torch::arange(M * Y).repeat_interleave(routing.count_E);
  const auto expert_C = without_own(expert_N), token_C = without_own(routing.token_N);
  const auto node_C = expert_C.floor_divide(Y);
  const auto [crossing_U, row_C, unused] =
      at::_unique2(node_C * T + token_C, /*sorted=*/true, /*return_inverse=*/true);
  token_U_ = crossing_U.remainder(T);
  const auto count_M = torch::bincount(crossing_U.floor_divide(T), {}, M);
  sent_U_ = to_vector(count_M);
  const auto row_in_node_C = row_C - starts_of(count_M).index_select(0, node_C);
  choices_C3_ =
      torch::stack({without_own(routing.weight_N).to(torch::kFloat),
                    row_in_node_C.to(torch::kFloat), expert_C.remainder(Y).to(torch::kFloat)},
                   1);
}

// To a rank: the rows for each of its experts, which those for another node reach through a peer.
// To a peer, besides: how many rows and choices cross.
torch::Tensor TwoLevelRows::counts() const {
  const int64_t R = groups_.world->size(), place = groups_.node->rank(), G = groups_.node->size();
  auto to_peers_R2 = torch::zeros({R, 2}, torch::kLong);
  const auto to_peers_M2 = to_peers_R2.slice(0, place, R, G);
  to_peers_M2.select(1, 0).copy_(tensor_of(sent_U_));
  to_peers_M2.select(1, 1).copy_(tensor_of(sent_C_));
  return torch::cat({count_RX_, to_peers_R2}, 1);
}

void TwoLevelRows::send(const torch::Tensor& arriving_RC) {
  const int64_t X = experts_per_rank_, G = groups_.node->size();
  const auto from_peers_M2 =
      arriving_RC.slice(0, groups_.node->rank(), arriving_RC.size(0), G).slice(1, X);
  taken_V_ = to_vector(from_peers_M2.select(1, 0));
  taken_C_ = to_vector(from_peers_M2.select(1, 1));
  rows_ = send_rows(x_TD_.index_select(0, token_U_), sent_U_, taken_V_, *groups_.peers, traffic_,
                    wire_);
  choices_ = send_rows(choices_C3_, sent_C_, taken_C_, *groups_.peers, traffic_);
  const auto from_nodes_MGX = arriving_RC.slice(1, 0, X).reshape({-1, G, X});
  const auto from_own_GX = from_nodes_MGX[groups_.peers->rank()];
  own_->send(from_own_GX.contiguous());
  forwarded_GX_ = from_nodes_MGX.sum(0) - from_own_GX;
}

// Of the rows that crossed, within this node: by expert.
Routing TwoLevelRows::routing_of(const torch::Tensor& choices_C3) const {
  const auto plain_C3 = choices_C3.detach();
  const auto start_M = starts_of(tensor_of(taken_V_)).slice(0, 0, groups_.peers->size());
  const auto first_row_C = start_M.repeat_interleave(tensor_of(taken_C_));
  const auto row_C = plain_C3.select(1, 1).to(torch::kLong) + first_row_C;
  const auto expert_C = plain_C3.select(1, 2).to(torch::kLong);
  const auto order_C = expert_C.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  return {row_C.index_select(0, order_C),
          choices_C3.select(1, 0).index_select(0, order_C),
          torch::bincount(expert_C, {}, groups_.node->size() * experts_per_rank_),
          {},
          {}};
}

void TwoLevelRows::run(const ExpertsFunction& experts) {
  own_->run(experts);
  give_turn_for(rows_);
  const auto rows_VD = receive_rows(std::move(rows_));
  const auto choices_C3 = receive_rows(std::move(choices_));
  forwarded_.emplace(rows_VD, routing_of(choices_C3), *groups_.node, experts_per_rank_, traffic_);
  forwarded_->send(forwarded_GX_);
  forwarded_->run(experts);
  rows_ = send_rows(forwarded_->finish(), taken_V_, sent_U_, *groups_.peers, traffic_, wire_);
}

torch::Tensor TwoLevelRows::finish() {
  const auto y_TD = own_->finish();
  give_turn_for(rows_);
  return y_TD.index_add(0, token_U_, receive_rows(std::move(rows_)).to(y_TD.dtype()));
}

}  // namespace xp
