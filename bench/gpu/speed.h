// Times of the layers of bench/gpu/layers.h, forward and backward.
#pragma once

#include "bench/gpu/layers.h"
#include "engine/base/value.h"

namespace xp {

/// Medians over `rounds`, in each of which every layer is timed once, by events of the device.
Value measured_layers(const LayerShape& shape, int64_t rounds);

}  // namespace xp
