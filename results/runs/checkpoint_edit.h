// What can be made of checkpoints without a model: their mean, and files for other programs.
#pragma once

#include "engine/base/file.h"

#include <map>
#include <string>
#include <vector>

namespace xp {

/// Whether a tensor of a checkpoint is optimizer state ("optimizer.square/NAME"), not a parameter.
bool is_optimizer_state(std::string_view name);

/// Writes the mean of the parameters of several checkpoints, without optimizer state; the metadata
/// names the files. Raises kUser if they are not of one model, kMachine if one is damaged or there
/// is no space. Cost: holds the mean in memory.
void average_checkpoints(const std::vector<fs::path>& inputs, const fs::path& output);

/// Writes the parameters of a checkpoint without optimizer state, those that `names` has under
/// their new names. Raises kUser if `names` has a name that the checkpoint lacks, or gives two
/// parameters one name; kMachine as above.
void export_checkpoint(const fs::path& input, const fs::path& output,
                       const std::map<std::string, std::string>& names);

}  // namespace xp
