// What every worker command needs first: who this rank is, its settings, its corpus and its model.
#pragma once

#include "engine/comm/group.h"
#include "engine/data/prepare.h"
#include "engine/worker/commands.h"
#include "registry/model.h"
#include "registry/sections.h"

#include <memory>
#include <string>

namespace xp {

/// The rank that the launcher made this process (environment: registry/launcher.h). Raises kUser
/// where a value is missing or no number.
Rendezvous rendezvous_from_environment();

/// Sets the number of threads and meets the other ranks. Collective.
Groups join_groups();

/// The resolved settings of a run, with its plug-ins loaded. Raises kUser where a plug-in cannot be
/// loaded or is another one than when the run was planned.
Value load_run_settings(const WorkerArguments& arguments);

/// The model of these settings for a corpus. `eval` is null while training.
std::shared_ptr<TranslationModel> build_model(const Value& settings, const PreparedCorpus& corpus,
                                              const Groups& groups, const EvalSection* eval);

/// Raises kUser where this program cannot compute on `device`.
void check_device(const std::string& device);

}  // namespace xp
