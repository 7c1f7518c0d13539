// The files of a training's checkpoints, and which of them an evaluation reads.
//
//   trainings/ID/checkpoints/update-00000320.safetensors   after that many updates
//   trainings/ID/checkpoints/best.safetensors              a second name of the best one
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// FOLDER/update-00000320.safetensors.
fs::path checkpoint_file(const fs::path& folder, int64_t update);

/// The updates of the checkpoints in `folder`, ascending; empty if there is no such folder.
std::vector<int64_t> checkpoint_updates(const fs::path& folder);

/// The checkpoint of a finished training that eval.checkpoint ("best" or "last") names, by what its
/// status says; nothing if it is not there any more. Raises kMachine if the status is damaged.
std::optional<fs::path> finished_checkpoint(const fs::path& training, std::string_view which);

}  // namespace xp
