// Checkpoints, and programs of earlier builds, that nothing needs any more.
#pragma once

#include "results/runs/workspace.h"

#include <string>
#include <vector>

namespace xp {

/// A checkpoint, or a folder of programs, that can go.
struct Garbage {
  enum class Kind { kCheckpoint, kPrograms };
  fs::path file;
  uintmax_t bytes = 0;  ///< that its removal frees
  std::string reason;
  Kind kind = Kind::kCheckpoint;
};

/// The checkpoints of finished trainings that no kept evaluation needs, by path. Kept evaluations
/// are those of the experiments' plans; each needs the checkpoint that its [eval] names, or best
/// and last as long as it has not run. Trainings that are unfinished, or that somebody works on,
/// keep all. Then the programs that no open job and no process that starts runs uses.
std::vector<Garbage> find_garbage(const Workspace& workspace);

/// Removes them; the bytes freed. Those of trainings that somebody took up meanwhile stay.
uintmax_t remove_garbage(const std::vector<Garbage>& garbage);

}  // namespace xp
