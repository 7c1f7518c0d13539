// Links of NCCL with the runtime and NCCL of engine/cuda/stand_in: order, failures, their words.
#include "engine/cuda/nccl_links.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"
#include "engine/testing/ranks.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <thread>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace xp {
void fail_communicators();  // engine/cuda/stand_in/nccl.cpp
}

namespace {

// The host's memory stands for that of a GPU. Each rank, a thread here, has a stream of its own.
template <class Result>
std::vector<Result> on_gpus(int64_t ranks, const std::function<Result(const Groups&)>& each,
                            int64_t timeout_s = 20) {
  return on_ranks<Result>(
      {1, ranks},
      [&](const Groups& host) {
        const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool(false, 0));
        return each(device_groups(host, torch::kCPU, [&](Group& group, int64_t) {
          return nccl_links(group, timeout_s);
        }));
      },
      true, timeout_s);
}

}  // namespace

TEST_CASE("collectives of NCCL arrive in the order of the stream that uses them") {
  const auto seen = on_gpus<torch::Tensor>(3, [](const Groups& groups) {
    const auto rank = groups.world->rank();
    auto sum = torch::full({4}, static_cast<float>(rank));
    groups.world->all_reduce_sum(sum);
    groups.world->all_reduce_sum(sum);
    auto most = torch::tensor({rank});
    groups.world->all_reduce_max(most);
    auto last = torch::tensor({10 * rank});
    groups.world->broadcast(last, 2);
    // Kept: the host's memory, unlike a GPU's, is given to others before the stream is done with
    // it.
    const auto row = torch::tensor({rank + 5});
    const auto all = groups.world->all_gather(row);
    groups.world->barrier();
    return torch::cat({sum, most, last, all.flatten()});
  });
  for (const auto& one : seen)
    CHECK(one.equal(torch::tensor({9, 9, 9, 9, 2, 20, 5, 6, 7}, torch::kFloat)));
}

TEST_CASE("rows cross NCCL in both directions at once, and their time is told later") {
  struct Seen {
    torch::Tensor rows;
    double seconds = 0;
    LinkBytes bytes;
  };
  const auto seen = on_gpus<Seen>(2, [](const Groups& groups) {
    const auto rank = groups.world->rank();
    Seen out;
    for (int round = 0; round < 3; ++round) {
      // Rank 0 sends one row to each, rank 1 two.
      const std::vector<int64_t> sent(2, rank + 1), taken{1, 2};
      const auto rows = torch::full({2 * (rank + 1), 5}, static_cast<float>(10 * round + rank));
      auto pending = groups.world->start_all_to_all(rows, sent, taken);
      out.rows = pending->wait();
      groups.world->barrier();
      out.seconds += pending->seconds();
    }
    out.bytes = groups.world->bytes();
    return out;
  });
  for (const auto& one : seen)
    CHECK(one.rows.select(1, 0).equal(torch::tensor({20.0F, 21.0F, 21.0F})));
  CHECK(seen[0].seconds > 0);
  CHECK(seen[0].bytes.in_node == 60);
  CHECK(seen[1].bytes.in_node == 120);
}

TEST_CASE("an operation that a rank never joins fails in time and names the rank") {
  std::string said;
  message_of([&] {
    on_gpus<int>(
        2,
        [&](const Groups& groups) {
          auto sum = torch::ones({4});
          groups.world->all_reduce_sum(sum);
          groups.world->barrier();  // the stream still writes to `sum`, which ends with its rank
          if (groups.world->rank() == 1) machine_error("rank 1 ends here");
          groups.world->all_reduce_sum(sum);
          said = message_of([&] { groups.world->barrier(); });
          return 0;
        },
        /*timeout_s=*/1);
  });
  CHECK(said == "barrier on GPU 0: its all-reduce has not ended within 1 s; rank 1 is gone");
}

TEST_CASE("an error that NCCL finds out later ends the next operation in its words") {
  std::string said;
  message_of([&] {
    on_gpus<int>(2, [&](const Groups& groups) {
      auto sum = torch::ones({4});
      groups.world->all_reduce_sum(sum);
      groups.world->barrier();
      if (groups.world->rank() == 1) {
        fail_communicators();
        machine_error("rank 1 ends here");
      }
      std::this_thread::sleep_for(std::chrono::seconds(1));  // the watchdog's
      said = message_of([&] { groups.world->all_reduce_sum(sum); });
      return 0;
    });
  });
  CHECK(said ==
        "all-reduce on GPU 0: NCCL 2.28.9: remote process exited or there was a network error: "
        "socket closed by the peer; NCCL_DEBUG=INFO tells more; rank 1 is gone");
}
