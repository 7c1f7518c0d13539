// The devices that xp-engine can compute on.
#pragma once

namespace xp {

/// Training and decoding on NVIDIA GPUs is not built yet.
inline constexpr bool kHasCuda = false;

}  // namespace xp
