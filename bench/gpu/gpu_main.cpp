// What `make test-gpu` and bench/gpu.sh run, one step at a time (bench/gpu/steps.py).
//
// usage: gpu DEVICE check NAME                       one check of checks.h
//        gpu DEVICE checks                           their names
//        gpu DEVICE layers TOKENS EXPERTS ROUNDS [WIDTH INNER]
//        gpu DEVICE ranks N                          collectives of N ranks, each a process
//
// Prints a line of JSON. With DEVICE "cpu" everything runs, which tests the programs themselves.
#include "bench/gpu/checks.h"
#include "bench/gpu/speed.h"
#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/base/process.h"
#include "engine/comm/all_to_all.h"
#include "engine/comm/group.h"
#include "engine/device/accelerator.h"

#include <c10/util/Exception.h>
#include <fmt/core.h>

#include <cstdlib>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace xp {
namespace {

// Raises unless a sum, a broadcast, a gather and an exchange give what they must, also backward.
void try_collectives(const Groups& groups) {
  const auto device = computing_device();
  const int64_t rank = groups.world->rank(), ranks = groups.world->size();
  const auto expect = [](const torch::Tensor& found, const torch::Tensor& expected,
                         const char* what) {
    if (!found.cpu().equal(expected)) machine_error("the result of the {} is wrong", what);
  };
  auto sum = torch::full({1000}, static_cast<float>(rank + 1), device);
  groups.world->all_reduce_sum(sum);
  const auto total = static_cast<float>(ranks * (ranks + 1)) / 2;
  expect(sum, torch::full({1000}, total), "all-reduce");
  auto last = torch::full({3}, rank, torch::TensorOptions(torch::kLong).device(device));
  groups.world->broadcast(last, ranks - 1);
  expect(last, torch::full({3}, ranks - 1, torch::kLong), "broadcast");
  const auto row = torch::full({2}, rank, torch::TensorOptions(torch::kLong).device(device));
  expect(groups.world->all_gather(row),
         torch::arange(ranks).unsqueeze(1).expand({ranks, 2}).contiguous(), "all-gather");
  expect(groups.world->all_gather(row.cpu()),
         torch::arange(ranks).unsqueeze(1).expand({ranks, 2}).contiguous(),
         "all-gather of the host");
  // Rank r sends r + 1 rows to everybody.
  const std::vector<int64_t> sent(static_cast<size_t>(ranks), rank + 1);
  std::vector<int64_t> taken;
  std::vector<torch::Tensor> parts;
  for (int64_t from = 0; from < ranks; ++from) {
    taken.push_back(from + 1);
    parts.push_back(torch::full({from + 1, 64}, static_cast<float>(from)));
  }
  auto rows = torch::full({ranks * (rank + 1), 64}, static_cast<float>(rank), device);
  rows.set_requires_grad(true);
  auto arrived = receive_rows(send_rows(rows, sent, taken, *groups.world, nullptr));
  expect(arrived.detach(), torch::cat(parts), "all-to-all");
  (arrived * 3).sum().backward();
  expect(rows.grad(), torch::full({ranks * (rank + 1), 64}, 3.0F), "all-to-all backward");
  groups.world->barrier();
}

void run_rank(const std::string& device, int64_t rank, int64_t ranks, int port) {
  choose_device(device);
  Rendezvous rendezvous;
  rendezvous.rank = rank;
  rendezvous.topology = {1, ranks};
  rendezvous.port = port;
  rendezvous.timeout_s = 60;
  rendezvous.key = "a check of GPUs";
  rendezvous.interface = "lo";
  take_device(rank);
  try_collectives(accelerator() == nullptr
                      ? connect(rendezvous)
                      : accelerator()->connect(rendezvous, computing_device()));
}

// Ranks share a GPU if there are too few. Processes are made before CUDA is started.
Value ranks_checked(const std::string& device, int64_t ranks) {
  ::setenv("XP_RANKS_PER_GPU", std::to_string(ranks).c_str(), /*overwrite=*/0);
  const int port = free_port();
  for (int64_t rank = 0; rank < ranks; ++rank) {
    if (::fork() != 0) continue;
    int code = 0;
    try {
      run_rank(device, rank, ranks, port);
    } catch (const std::exception& error) {
      fmt::print(stderr, "rank {}: {}\n", rank, error.what());
      code = 1;
    }
    ::_exit(code);
  }
  int status = 0, failed = 0;
  while (::wait(&status) > 0)
    failed += status == 0 ? 0 : 1;
  return {{"ok", failed == 0}, {"worst", 0.0}, {"detail", fmt::format("{} ranks failed", failed)}};
}

Value answer(const std::vector<std::string>& words) {
  const auto number = [&](size_t i, int64_t fallback) {
    return i < words.size() ? std::stoll(words[i]) : fallback;
  };
  const std::string& what = words.at(1);
  if (what == "checks") return check_names();
  if (what == "ranks") return ranks_checked(words.at(0), number(2, 2));
  choose_device(words.at(0));
  take_device(0);
  if (what == "check") return run_check(words.at(2));
  if (what == "layers") {
    LayerShape shape;
    shape.tokens = number(2, shape.tokens);
    shape.experts = number(3, shape.experts);
    shape.width = number(5, shape.width);
    shape.inner = number(6, shape.inner);
    return measured_layers(shape, number(4, 20));
  }
  user_error("no step '{}'", what);
}

}  // namespace
}  // namespace xp

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: gpu DEVICE check|checks|layers|ranks ...\n");
    return 2;
  }
  try {
    fmt::print("{}\n", xp::json_text(xp::answer({argv + 1, argv + argc})));
    return 0;
  } catch (const c10::Error& error) {
    fmt::print(stderr, "{}\n", error.what_without_backtrace());
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  return 1;
}
