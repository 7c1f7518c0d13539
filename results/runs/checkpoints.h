// The files of a training's checkpoints, and which of them an evaluation reads.
//
// A training's folder checkpoints/ holds update-00000320.safetensors, one file for each. The
// metadata of each file is the progress of the training (engine/train/checkpoint.h): it names the
// best checkpoint so far and the validation that decided it, so all three become true in one
// rename. Trainings of before that have a second name of the best one, best.safetensors.
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

/// The checkpoint of this update under whichever name it has, or nothing if it is not there.
std::optional<fs::path> find_checkpoint(const fs::path& folder, int64_t update);

/// The checkpoint of a finished training that eval.checkpoint ("best" or "last") names, by what its
/// status says; nothing if it is not there any more. Raises kMachine if the status is damaged.
std::optional<fs::path> finished_checkpoint(const fs::path& training, std::string_view which);

/// What an evaluation reads: that checkpoint, or, if eval.average is not 0, the newest `average`
/// ones, oldest first; fewer or none if they are not there any more.
std::vector<fs::path> evaluated_checkpoints(const fs::path& training, std::string_view which,
                                            int64_t average);
/// The same; raises kMachine if one is not there.
std::vector<fs::path> required_checkpoints(const fs::path& training, std::string_view which,
                                           int64_t average);

}  // namespace xp
