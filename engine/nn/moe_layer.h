// A mixture-of-experts layer in place of a feed-forward layer: gate, router, exchange and this
// rank's experts.
//
// Shapes: T real tokens on this rank, D width, E experts of all ranks, X = E / ranks experts on
// this rank.
#pragma once

#include "engine/nn/layers.h"
#include "registry/exchange.h"
#include "registry/router.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <map>
#include <memory>
#include <string>

namespace xp {

struct MoeShape {
  int64_t width, inner, experts;
  double capacity_factor, capacity_fraction;
};

class MoeLayer : public torch::nn::Module {
 public:
  /// Raises kUser where the experts cannot be shared out evenly over the ranks.
  MoeLayer(const MoeShape& shape, std::shared_ptr<const Router> router,
           std::shared_ptr<const Exchange> exchange, const Groups& groups, const Init& init);

  /// x_TD -> [T, D]; T may be 0. Collective. The balance loss and the figures are added up until
  /// they are taken.
  torch::Tensor forward(const torch::Tensor& x_TD);

  /// The balance loss of the last forward; a scalar.
  const torch::Tensor& balance() const { return balance_; }
  /// Mean figures since the last call.
  std::map<std::string, double> take_metrics();

 private:
  MoeShape shape_;
  std::shared_ptr<const Router> router_;
  std::shared_ptr<const Exchange> exchange_;
  Groups groups_;
  torch::Tensor gate_ED_;
  std::vector<std::vector<std::shared_ptr<FeedForward>>> expert_parts_;  ///< [local expert][part]
  torch::Tensor balance_;
  std::map<std::string, double> sums_;
  int64_t num_calls_ = 0;
};

}  // namespace xp
