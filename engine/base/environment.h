// Environment variables: the names that xp gives a meaning, and lists of them for new processes.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace xp {

/// Names of variables that programs of xp read. A person sets the first ones.
namespace variable {
inline constexpr const char* kWorkspace = "XP_WORKSPACE";        ///< the default of --workspace
inline constexpr const char* kMirror = "XP_MIRROR";              ///< the default of --mirror
inline constexpr const char* kEngine = "XP_ENGINE";              ///< the program that trains
inline constexpr const char* kPlugins = "XP_PLUGINS";            ///< files, separated by ':'
inline constexpr const char* kVectors = "XP_VECTORS";            ///< cases for xp-conformance
inline constexpr const char* kRanksPerGpu = "XP_RANKS_PER_GPU";  ///< ranks that share one, in tests
/// Set: values of a GPU that the host reads are counted; those of other threads are told.
inline constexpr const char* kCountReads = "XP_COUNT_HOST_READS";
/// Which node of a step an agent is on, if no scheduler says so.
inline constexpr const char* kNode = "XP_NODE";
/// The program that sets how fast this node's links are, on a cluster that emulates them. It is
/// called with `_links`, a rate or "none", and a latency in ms.
inline constexpr const char* kSetLinks = "XP_SET_LINKS";
// What a launcher tells a rank (LaunchJob).
inline constexpr const char* kRank = "XP_RANK";
inline constexpr const char* kNodes = "XP_NODES";
inline constexpr const char* kRanksPerNode = "XP_RANKS_PER_NODE";
inline constexpr const char* kRendezvous = "XP_RENDEZVOUS";
inline constexpr const char* kKey = "XP_KEY";  ///< the run's secret
inline constexpr const char* kThreads = "XP_THREADS";
inline constexpr const char* kTimeout = "XP_TIMEOUT_S";
inline constexpr const char* kInterface = "XP_INTERFACE";
inline constexpr const char* kDevice = "XP_DEVICE";  ///< its device, of those that it sees
// What --notify tells its command.
inline constexpr const char* kEvent = "XP_EVENT";
inline constexpr const char* kExperiment = "XP_EXPERIMENT";
inline constexpr const char* kDone = "XP_DONE";
inline constexpr const char* kFailed = "XP_FAILED";
inline constexpr const char* kMessage = "XP_MESSAGE";
}  // namespace variable

/// The value of a variable of this process, "" if it is not set.
std::string environment_value(const char* name);

/// Names and values, sorted by name. An entry without '=' is left out.
using Environment = std::map<std::string, std::string>;

/// That of this process, as it is now.
Environment own_environment();
/// "NAME=value" for each, as a process is given them.
std::vector<std::string> environment_entries(const Environment& environment);

}  // namespace xp
