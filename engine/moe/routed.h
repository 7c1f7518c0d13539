// Dispatches routed rows to their experts and combines the results, in steps, so that the exchanges
// of several parts of a layer can be in flight at once.
//
// Shapes: T tokens, D width, R ranks of the group, X experts on this rank, N kept rows, M rows that
// arrive at this rank's experts, C counts for a rank.
#pragma once

#include "engine/comm/all_to_all.h"
#include "registry/router.h"

#include <torch/types.h>

#include <functional>
#include <vector>

namespace xp {

/// Runs the local experts on their rows; see MoeCall::experts.
using ExpertsFunction =
    std::function<torch::Tensor(const torch::Tensor& rows_MD, const torch::Tensor& start_X1)>;

/// Where each of X consecutive blocks begins, and the end of the last: [X + 1].
torch::Tensor starts_of(const torch::Tensor& count_X);

/// Rows that arrived by source rank, then expert: runs each expert on its own rows and gives the
/// results back in the order of arrival. `counts_RX`: rows by source and expert, in the host's
/// memory.
torch::Tensor run_experts(const torch::Tensor& rows_MD, const torch::Tensor& counts_RX,
                          const ExpertsFunction& experts);

/// The rows of a routing: [N, D]; those of slots that nobody has are zero.
torch::Tensor dispatched(const torch::Tensor& x_TD, const Routing& routing);

/// Sums the results of these rows by token with their weights, in the type of `x_TD`: [T, D]; zero
/// rows for tokens that reached no expert.
torch::Tensor combined(const torch::Tensor& rows_ND, const Routing& routing,
                       const torch::Tensor& x_TD);

/// Rows on their way to experts and back. All members of `group` go through the same steps in the
/// same order; the caller exchanges the counts.
class RoutedRows {
 public:
  virtual ~RoutedRows() = default;
  virtual Group& group() const = 0;
  /// What each member must know: [R, C].
  virtual torch::Tensor counts() const = 0;
  /// Starts to send the rows. `arriving_RC`: the members' counts for this rank.
  virtual void send(const torch::Tensor& arriving_RC) = 0;
  /// Receives the rows, runs the experts, starts to send the results back.
  virtual void run(const ExpertsFunction& experts) = 0;
  /// Receives the results and sums them by token with their weights: [T, D]; zero rows for tokens
  /// that reached no expert.
  virtual torch::Tensor finish() = 0;
};

/// One all-to-all there and one back, with the rows of the routing: those that exist, or all slots.
/// Experts of the group are numbered rank-major. Cost: 2 x N x D values on the links, as much again
/// backward.
class DirectRows final : public RoutedRows {
 public:
  /// `traffic` may be null and must outlive the backward pass, as must `group`. `wire` is that of
  /// all rows.
  DirectRows(torch::Tensor x_TD, Routing routing, Group& group, int64_t experts_per_rank,
             Traffic* traffic, Wire wire = Wire::kExact);
  Group& group() const override { return group_; }
  torch::Tensor counts() const override { return routing_.count_E.view({group_.size(), -1}); }
  void send(const torch::Tensor& arriving_RX) override;
  void run(const ExpertsFunction& experts) override;
  torch::Tensor finish() override;

 private:
  void receive();

  torch::Tensor x_TD_;
  Routing routing_;
  Group& group_;
  Traffic* traffic_;
  Wire wire_;
  torch::Tensor arriving_RX_;
  std::vector<int64_t> sent_, taken_;
  torch::Tensor rows_;
  RowsInFlight in_flight_;
};

}  // namespace xp
