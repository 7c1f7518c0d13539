// What every worker command starts with: this rank's place, its settings, its corpus and its model.
#pragma once

#include "engine/comm/group.h"
#include "engine/data/prepare.h"
#include "engine/worker/commands.h"
#include "registry/model.h"
#include "registry/sections.h"

#include <memory>
#include <string>

namespace xp {

/// This process's rank and the address of the others, from the environment that the launcher set
/// (registry/launcher.h). Raises kUser if a value is missing or not a number.
Rendezvous rendezvous_from_environment();

/// Chooses the device (engine/device/accelerator.h), starts this rank's log, sets the number of
/// threads and connects to the other ranks, as the run's settings ask, if the folder has any. Comes
/// before anything that asks LibTorch for devices. Collective. Raises as choose_device.
Groups join_groups(const WorkerArguments& arguments);

/// The resolved settings of a run, with its plug-ins loaded. Raises kUser if a plug-in cannot be
/// loaded or has changed since the run was planned.
Value load_run_settings(const WorkerArguments& arguments);

/// The model of these settings for a corpus. `eval` is null while training.
std::shared_ptr<TranslationModel> build_model(const Value& settings, const PreparedCorpus& corpus,
                                              const Groups& groups, const EvalSection* eval);

/// The largest resident memory of this process so far, or of its tensors on a device; 0 if the
/// kernel does not say.
int64_t peak_memory_bytes();

}  // namespace xp
