// Checkpoints that nothing needs any more.
#pragma once

#include "results/runs/workspace.h"

#include <string>
#include <vector>

namespace xp {

/// A checkpoint that can go.
struct Garbage {
  fs::path file;
  uintmax_t bytes = 0;  ///< that its removal frees
  std::string reason;
};

/// The checkpoints of finished trainings that no kept evaluation needs, by path. Kept evaluations
/// are those of the experiments' plans; each needs the checkpoint that its [eval] names, or best
/// and last as long as it has not run. Trainings that are unfinished, or that somebody works on,
/// keep all.
std::vector<Garbage> find_garbage(const Workspace& workspace);

/// Removes them; the bytes freed. Those of trainings that somebody took up meanwhile stay.
uintmax_t remove_garbage(const std::vector<Garbage>& garbage);

}  // namespace xp
