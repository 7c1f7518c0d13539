// Products with fixed weights, for decoding: the weights lie in the order in which they are read,
// and a row's result has the same bits whatever rows are multiplied with it. No torch in here, so
// that the loops are compiled for every generation of processors.
//
// Shapes: R rows, K inputs, N outputs.
#pragma once

#include <cstdint>
#include <vector>

namespace xp {

/// A copy of the weights of y = x W'.
class PackedWeights {
 public:
  /// `weight` is [N, K].
  PackedWeights(const float* weight, int64_t N, int64_t K);
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  /// The outputs are in panels, which threads can work on at the same time.
  int64_t num_panels() const;

 private:
  friend struct PackedProduct;
  int64_t inputs_, outputs_;
  std::vector<float> panels_;  // [panel][K][outputs of a panel], zeros beyond N
};

/// y = x W' + bias + added, or relu of it.
struct PackedProduct {
  const float* x = nullptr;  ///< [R, K]
  int64_t rows = 0;
  const float* bias = nullptr;   ///< [N]; may be null
  const float* added = nullptr;  ///< [R, N]; may be null or `y`
  bool relu = false;
  float* y = nullptr;  ///< [R, N]

  /// Some of the panels. Each output is one sum over the inputs in their order, with fused
  /// multiply-add if the processor has it. Thread-safe.
  void multiply(const PackedWeights& weights, int64_t first_panel, int64_t last_panel) const;
};

}  // namespace xp
