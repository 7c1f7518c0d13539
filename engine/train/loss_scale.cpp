// Counting.
#include "engine/train/loss_scale.h"

namespace xp {
namespace {

constexpr int64_t kPatience = 2000;  // updates before a larger factor is tried
constexpr double kSmallest = 1.0 / 1024, kLargest = 16777216;

}  // namespace

void LossScale::succeed() {
  if (++good_updates < kPatience) return;
  good_updates = 0;
  if (factor < kLargest) factor *= 2;
}

bool LossScale::fail() {
  good_updates = 0;
  factor /= 2;
  return factor >= kSmallest;
}

}  // namespace xp
