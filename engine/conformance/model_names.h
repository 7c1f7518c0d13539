// The recorded names of a model's parameters against ours.
#pragma once

#include "engine/conformance/recording.h"
#include "registry/model.h"

#include <string>
#include <vector>

namespace xp {

/// One of our parameters and the recorded tensors that make it, one under the other.
struct NamedParts {
  std::string ours;
  std::vector<std::string> theirs;
};

/// Every recorded parameter. A stack's modules are numbered in the order they run: with MoE layers
/// last those with attention come first (predecessor.md 4.3). `every`-th layers are MoE
/// layers, 0: none.
std::vector<NamedParts> model_names(const std::vector<std::string>& recorded, int64_t every,
                                    bool clusters, int64_t first_expert);

}  // namespace xp
