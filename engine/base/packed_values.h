// What lossless packing of values between nodes saves (engine/comm/packing.h), for predictions.
#pragma once

namespace xp {

/// Bytes saved of each value, fp32 or bfloat16: of the 8 bits of its exponent 4 are sent, with 8
/// for each block of 256 values and room for one exception among 64.
inline constexpr double kPackedSaving = 0.5 - 1.0 / 256 - 1.0 / 64;

}  // namespace xp
