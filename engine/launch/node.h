// The agent on a node of a job that spans several: starts the node's ranks, watches over them and
// leaves a record of their ends on the shared disk, since a scheduler tells only of the first.
//
//   attempts/K/node-job.json   what to start; the same for every node
//   attempts/K/node-I.json     how the ranks of node I ended
#pragma once

#include "registry/launcher.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Writes node-job.json into the job's log folder; its path. `hosts`: in the order of the nodes;
/// rank 0 listens on the first one at `port`.
std::filesystem::path write_node_job(const LaunchJob& job, const std::vector<std::string>& hosts,
                                     int port);

/// The agent of node `node`, which the scheduler calls `host` ("": its own name): returns when its
/// ranks have ended, however, and the record says so. Schedulers end the other nodes at once when
/// an agent fails, which it therefore does only without a record. `is_stopped` is asked all the
/// time. Raises kMachine if the record cannot be written.
void run_node(const std::filesystem::path& node_job, int64_t node, const std::string& host,
              const std::function<bool()>& is_stopped);

/// How a job ended by the records of its nodes: the end that says most of what went wrong; kDone
/// only if every node has a record. Nothing if none has.
std::optional<LaunchEnd> end_of_nodes(const LaunchJob& job);

/// The nodes of a job that left no record, by number.
std::vector<int64_t> silent_nodes(const LaunchJob& job);

/// Raises kMachine, naming the interface, unless it is one of this machine that is up, has an
/// address and, if it is a loopback interface, leads to `host`.
void check_interface(const std::string& name, const std::string& host);

/// The network interface of this machine whose address leads to `host`. Raises kMachine if the
/// name has no address or none leads there.
std::string interface_to(const std::string& host);

}  // namespace xp
