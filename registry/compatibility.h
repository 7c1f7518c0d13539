// Whether an MoE layer reproduces the decisions of the predecessor.
#pragma once

#include <string>

namespace xp {

/// kNone: the correct behaviour. kSeed: the predecessor's decisions, bit for bit, for comparisons
/// with published figures; each difference is listed with its reason in docs/compatibility.md.
enum class Compatibility { kNone, kSeed };

/// "none" or "seed", as in [model.moe] compatibility.
inline Compatibility compatibility_from(const std::string& name) {
  return name == "seed" ? Compatibility::kSeed : Compatibility::kNone;
}

}  // namespace xp
