// A mixture-of-experts layer in place of a feed-forward layer: gate, router, exchange and this
// rank's experts.
//
// Shapes: T rows on this rank, D width, E experts of all ranks.
#pragma once

#include "engine/base/turns.h"
#include "engine/moe/experts.h"
#include "registry/exchange.h"
#include "registry/router.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// What the MoE layers of a model have in common.
struct MoeShape {
  int64_t width, inner, experts;
  double capacity_factor, capacity_fraction;
  Compatibility compatibility = Compatibility::kNone;
  std::shared_ptr<Draws> draws = std::make_shared<Draws>();
  Wire wire = Wire::kExact;
};

/// Rows of a layer. kSeed: pads are among them; else every row is a token and `pad_T` undefined.
struct Rows {
  torch::Tensor x_TD;
  torch::Tensor pad_T;  ///< bool
};

class MoeLayer : public torch::nn::Module {
 public:
  /// Collective. Raises kUser if the ranks cannot share the experts equally or disagree about the
  /// layer's shape.
  MoeLayer(const MoeShape& shape, std::shared_ptr<const Router> router,
           std::shared_ptr<const Exchange> exchange, const Groups& groups, const Init& init);

  /// [T, D]; T may be 0. Collective. Figures add up until they are taken. kSeed: every rank adds
  /// empty rows up to the largest rank's number (predecessor.md 3.2).
  torch::Tensor forward(const Rows& rows);
  /// The same without gradient: a row's products have the same bits whatever rows come with it.
  torch::Tensor infer(const Rows& rows);
  void train(bool on = true) override;

  /// The balance loss of the last forward, of works that take turns of their own; a scalar.
  const torch::Tensor& balance() const { return balance_[own_turn()]; }
  /// Mean figures of a call since the last time, by part: those of the gate, and of the exchange,
  /// forward and backward: "global.inter_node_bytes", "global.in_node_bytes" (sent by this rank),
  /// "global.in_node_ms", "global.inter_node_ms" (rows under way) and "global.exposed_ms" (waiting
  /// with nothing else to do). "layer.compute_ms": in the layer, without waiting.
  std::map<std::string, double> take_metrics();
  /// How many rows came to each of the E experts since the last time, int64 [E], in
  /// the host's memory: this rank's share, of which the sum over the ranks is meant.
  torch::Tensor take_rows_E();
  /// See TranslationModel::take_sent; by part.
  std::map<std::string, SentRows> take_sent() { return std::exchange(sent_, {}); }
  /// The ranks that hold copies of this layer's experts; null if there are none.
  const std::shared_ptr<Group>& copies() const { return groups_.copies; }

 private:
  Rows padded(const Rows& rows) const;
  void count_own_rows(const torch::Tensor& rows_MD, const torch::Tensor& start_X1);
  void note_rows(int64_t first, const torch::Tensor& count);
  torch::Tensor run(const Rows& all, const torch::Tensor& logits_TE,
                    const decltype(MoeCall::experts)& experts);
  double own_clock_s(size_t turn) const;
  void time_backward(const torch::Tensor& x_TD, const torch::Tensor& y_TD);

  MoeShape shape_;
  std::shared_ptr<const Router> router_;
  std::shared_ptr<const Exchange> exchange_;
  ExpertGroups groups_;
  torch::Tensor gate_ED_;
  PackedCopy packed_gate_;
  std::shared_ptr<Experts> experts_;
  std::array<torch::Tensor, 2> balance_;  ///< by turn
  GateFigures sums_;
  std::map<std::string, Traffic> traffic_;
  std::vector<int64_t> rows_X_;  ///< to each expert of this rank, on the CPU
  torch::Tensor rows_E_;         ///< from this rank to each expert, on a device
  double compute_s_ = 0;
  std::map<std::string, SentRows> sent_;
  int64_t num_calls_ = 0;
};

}  // namespace xp
