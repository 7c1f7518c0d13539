// The programs of a sweep, kept in its workspace, so that jobs which wait in a queue, and runs that
// start later, use the build that the sweep was started with.
//
//   programs/ID/bin/xp, xp-engine   copies, with what lies beside them: components.json and the
//                                   source changes of the build (xp-engine.diff)
//   programs/ID/lib                 a link to the libraries of the originals, if they have any
//   programs/ID/plugins/N/NAME.so   the plug-ins, in the order of [plugins]
//   programs/ID.lock                shared by the processes that start runs of it
//
// ID is the hash of all of them. LibTorch is not copied: it is found where the engine was linked.
#pragma once

#include "results/runs/workspace.h"

#include <string>
#include <vector>

namespace xp {

/// Files that runs are made with.
struct Programs {
  fs::path xp, engine;
  std::vector<fs::path> plugins;
};

/// Programs that a rebuild does not change while this lives, nor `xp gc` removes.
struct KeptPrograms {
  Programs programs;
  std::optional<FileLock> use;
};

/// Copies `originals` into the workspace, unless the same ones are there. If the workspace's
/// disk lets no program run (noexec), the originals themselves come back. Raises kMachine if there
/// is no space, and kUser if an original cannot be read or changes meanwhile.
/// Cost: the hash of each file once a process, and one copy for each build.
KeptPrograms keep_programs(const Workspace& workspace, const Programs& originals);

/// The SHA-256 of a program's file, "" if it cannot be read. Cost: one stat if it has been asked
/// for before and has not changed. May be called by several threads.
std::string program_sha256(const fs::path& file);

/// The folders programs/ID that no open job has in its list and no process uses.
std::vector<fs::path> unused_programs(const Workspace& workspace);
/// Removes one of them, unless somebody uses it by now; whether it is gone.
bool remove_programs(const fs::path& folder);

}  // namespace xp
