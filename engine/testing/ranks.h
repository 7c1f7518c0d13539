// Several ranks inside one test: a thread each, meeting over Gloo on the loopback interface.
#pragma once

#include "engine/base/process.h"
#include "engine/comm/group.h"

#include <cstdlib>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace xp {

/// Runs `each` on every rank at once and returns what they return, by rank. Raises what the first
/// failing rank raised. `each` must not use Catch2's macros: they are not made for threads.
/// `overlap` and `timeout_s`: of Rendezvous. Each node has a machine of its own: "node0", ...
template <class Result>
std::vector<Result> on_ranks(const Topology& topology,
                             const std::function<Result(const Groups&)>& each, bool overlap = true,
                             int64_t timeout_s = 20, bool packs = false) {
  // c10d's flight recorder is one for the process and not made for several ranks in it.
  ::setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/0);
  const auto ranks = static_cast<size_t>(topology.ranks());
  std::vector<Result> results(ranks);
  std::vector<std::exception_ptr> errors(ranks);
  const int64_t port = free_port();
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        Rendezvous rendezvous;
        rendezvous.rank = static_cast<int64_t>(rank);
        rendezvous.topology = topology;
        rendezvous.port = port;
        rendezvous.timeout_s = timeout_s;
        rendezvous.machine = "node" + std::to_string(topology.node_of(rendezvous.rank));
        rendezvous.key = "the key of a test";
        rendezvous.overlap = overlap;
        rendezvous.packs = packs;
        const Groups groups = connect(rendezvous);
        results[rank] = each(groups);
        groups.world->barrier();
      } catch (...) {
        errors[rank] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return results;
}

}  // namespace xp
