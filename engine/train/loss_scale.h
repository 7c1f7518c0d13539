// Loss scaling for float16, whose smallest numbers gradients fall below.
// Source: Micikevicius et al. 2018, "Mixed Precision Training", https://arxiv.org/abs/1710.03740;
// the numbers are those of PyTorch's GradScaler.
#pragma once

#include <cstdint>

namespace xp {

/// The factor of the loss, and so of its gradients: doubled after many updates whose gradients were
/// finite, halved after one whose were not, which then is left out. Every rank must decide alike.
struct LossScale {
  double factor = 65536;
  int64_t good_updates = 0;  ///< since it changed

  void succeed();
  /// False if it is so small that the gradients themselves cannot be finite.
  bool fail();
};

}  // namespace xp
