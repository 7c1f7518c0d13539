// The commands that xp gives itself on other nodes; nobody types them.
#pragma once

#include <optional>
#include <string_view>

namespace xp {

/// `xp work JOB_FOLDER`, on the first node of a scheduler's job: does the job's runs. SIGUSR1 says
/// that the job's time is nearly up, SIGTERM that the scheduler wants the place.
/// `xp ranks NODE_JOB`, on every node of a run: starts the node's ranks (engine/launch/node.h).
/// The exit code; nothing where the words are none of these.
std::optional<int> inner_command(int count, char** words);

}  // namespace xp
