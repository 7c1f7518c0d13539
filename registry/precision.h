// Number formats of the weight products of decoding.
#pragma once

#include <string_view>

namespace xp {

enum class Precision {
  kFp32,
  kBf16,  ///< inputs and weights are rounded to bf16, sums are fp32
  kInt8,  ///< inputs have a scale for each row, weights one for each output; sums are exact
};

/// The one of a setting: "fp32", "bf16" or "int8".
inline Precision precision_of(std::string_view name) {
  return name == "int8"   ? Precision::kInt8
         : name == "bf16" ? Precision::kBf16
                          : Precision::kFp32;
}

}  // namespace xp
