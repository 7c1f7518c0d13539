// Links of GPUs: a communicator of NCCL with a stream and a watchdog of its own.
//
// NCCL itself and not c10d's ProcessGroupNCCL, which ends the process when an operation fails, so
// that nobody could say which rank was to blame, and asks a store for more than engine/comm's does.
#pragma once

#include "engine/cuda/portable/device_group.h"

#include <cstdint>
#include <memory>

namespace xp {

/// Meets the other members of `host`, each of which calls this. An operation that has not ended
/// `timeout_s` after it was started counts as failed. Raises kMachine if NCCL cannot connect them.
std::unique_ptr<Links> nccl_links(Group& host, int64_t timeout_s);

/// What NCCL reads from the environment, unless the user has set it: the network interface, which
/// may be empty; and `shared_gpu`: a host of its own for each rank, since NCCL refuses two ranks of
/// one host on one GPU. Before the first `nccl_links`.
void prepare_nccl(const Rendezvous& rendezvous, bool shared_gpu);

/// As "2.28.9".
std::string nccl_version();

}  // namespace xp
