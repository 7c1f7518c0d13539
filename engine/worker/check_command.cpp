// The check before a long run: the ranks connect, exchange rows and compare what arrived, compare
// their clocks and write a file each.
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/to_integer.h"
#include "engine/worker/rank.h"
#include "results/runs/workspace.h"

#include <spdlog/spdlog.h>
#include <torch/types.h>

#include <cmath>
#include <unistd.h>

namespace xp {
namespace {

constexpr int64_t kRows = 64, kColumns = 256;
constexpr double kMaxSkew_s = 60;

// Every rank sends every other one rows that hold the numbers of sender and receiver.
void exchange(Group& world) {
  const int64_t size = world.size();
  auto rows = torch::empty({size * kRows, kColumns});
  for (int64_t to = 0; to < size; ++to)
    rows.narrow(0, to * kRows, kRows).fill_(static_cast<double>(world.rank() * size + to));
  const std::vector<int64_t> counts(static_cast<size_t>(size), kRows);
  const auto got = world.all_to_all(rows, counts, counts);
  for (int64_t from = 0; from < size; ++from) {
    const auto part = got.narrow(0, from * kRows, kRows);
    const auto expected = static_cast<float>(from * size + world.rank());
    if (part.eq(expected).all().item<bool>()) continue;
    machine_error("rows from rank {} to rank {} arrived corrupted; check the network between them",
                  from, world.rank());
  }
}

void compare_clocks(Group& world) {
  const auto mine = torch::full({1}, to_integer(now_s()), torch::kLong);
  const auto all = world.all_gather(mine).flatten();
  const auto spread = static_cast<double>((all.max() - all.min()).item<int64_t>());
  if (spread <= kMaxSkew_s) return;
  machine_error(
      "the clocks of ranks {} and {} differ by {:.0f} s; heartbeats and file times need clocks "
      "that "
      "agree: synchronise them (chrony, ntp)",
      all.argmin().item<int64_t>(), all.argmax().item<int64_t>(), spread);
}

}  // namespace

int check_command(const WorkerArguments& arguments) {
  check_device(arguments.device);
  const Groups groups = join_groups();
  Group& world = *groups.world;
  exchange(world);
  compare_clocks(world);
  write_atomic(arguments.folder / fmt::format("written-by-{}", world.rank()), "x\n");
  world.barrier();
  spdlog::info("rows, clocks and the disk are in order");
  return 0;
}

}  // namespace xp
