// The number format of values on their way to another node. Inside a node they keep their own.
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>

namespace xp {

enum class Wire {
  kExact,  ///< as they are
  kBf16    ///< rounded to bfloat16: half of the bytes of fp32
};

/// The wire of a setting: "fp32", "bf16", or none, which is "fp32".
inline Wire wire_from(const std::optional<std::string>& name) {
  return name == "bf16" ? Wire::kBf16 : Wire::kExact;
}

/// `values` in the format of the wire.
inline torch::Tensor on_wire(const torch::Tensor& values, Wire wire) {
  return wire == Wire::kBf16 ? values.to(torch::kBFloat16) : values;
}

}  // namespace xp
