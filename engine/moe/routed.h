// Dispatches routed rows to their experts and combines the results, in steps, so that the exchanges
// of several parts of a layer can be in flight at once.
//
// Shapes: T tokens, D width, R ranks of the group, X experts on this rank, N kept rows, M rows that
// arrive at this rank's experts.
#pragma once

#include "engine/comm/all_to_all.h"
#include "registry/router.h"

#include <torch/types.h>

#include <functional>
#include <memory>
#include <vector>

namespace xp {

/// Runs the `index`-th local expert on rows [n, D].
using ExpertFunction = std::function<torch::Tensor(int64_t index, const torch::Tensor& rows)>;

/// Rows that arrived by source rank, then expert: runs each expert on its own rows and gives the
/// results back in the order of arrival. `counts_RX`: rows by source and expert. Every expert runs,
/// also without rows, so that its parameters are in every rank's gradient graph.
torch::Tensor run_experts(const torch::Tensor& rows_MD, const torch::Tensor& counts_RX,
                          const ExpertFunction& expert);

std::vector<int64_t> to_vector(const torch::Tensor& integers);

/// Tells every member of the group how many rows each of its experts will get: [R, X], row r from
/// member r. The counts carry the width and type of a row, which must agree, and whether this
/// rank's weights are finite; if not, every rank raises the same error. Collective.
class CountExchange {
 public:
  CountExchange(const torch::Tensor& count_E, const torch::Tensor& x_TD, bool is_finite,
                Group& group);
  torch::Tensor wait();

 private:
  torch::Tensor own_;
  Group& group_;
  std::unique_ptr<PendingRows> pending_;
};

/// One part of a layer. Experts of the group are numbered rank-major. Collective over `group`: all
/// members go through the same steps in the same order. Cost: 2 x N x D values on the links, as
/// much again backward; counts go first, then exactly the rows that exist.
class RoutedRows {
 public:
  /// Starts the exchange of counts. `traffic` may be null and must outlive the backward pass.
  RoutedRows(torch::Tensor x_TD, Routing routing, Group& group, int64_t experts_per_rank,
             Traffic* traffic);
  /// Starts to send the rows.
  void send();
  /// Receives the rows, runs the experts, starts to send the results back.
  void run(const ExpertFunction& expert);
  /// Receives the results and sums them by token with their weights: [T, D]; zero rows for tokens
  /// that reached no expert.
  torch::Tensor finish();

 private:
  torch::Tensor x_TD_;
  Routing routing_;
  Group& group_;
  Traffic* traffic_;
  CountExchange counts_;
  torch::Tensor arriving_RX_;
  std::vector<int64_t> sent_, taken_;
  torch::Tensor rows_;
  RowsInFlight in_flight_;
};

/// All steps in one.
torch::Tensor exchange_with_experts(const torch::Tensor& x_TD, const Routing& routing, Group& group,
                                    int64_t experts_per_rank, Traffic* traffic,
                                    const ExpertFunction& expert);

}  // namespace xp
