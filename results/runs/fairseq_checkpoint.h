// Weights of fairseq and fairseq-moe as a checkpoint of ours. docs/checkpoints.md says how a
// program in Python makes the files that are read here.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <vector>

namespace xp {

/// Writes the parameters of a model whose state_dict lies in `files`, in safetensors and by
/// fairseq's names: one file, or those of shared parameters and of each rank's experts, which have
/// "rank-N" in their names, in any order. Returns the settings under [model] that the parameters
/// fit, as far as their names and shapes tell. Raises kUser if tensors are missing, left over or
/// not F32; kMachine if a file is damaged or there is no space. Cost: holds the parameters that
/// consist of several tensors.
Value import_fairseq(const std::vector<fs::path>& files, const fs::path& output);

}  // namespace xp
