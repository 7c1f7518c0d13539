// The check before a long run: the ranks connect, exchange rows and compare what arrived, compare
// their clocks and write a file each.
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/to_integer.h"
#include "engine/device/accelerator.h"
#include "engine/launch/ranks.h"
#include "engine/launch/slow_nodes.h"
#include "engine/worker/rank.h"
#include "results/runs/workspace.h"

#include <spdlog/spdlog.h>
#include <torch/types.h>

#include <cmath>
#include <limits>
#include <unistd.h>

namespace xp {
namespace {

constexpr int64_t kRows = 64, kColumns = 256;
constexpr double kMaxSkew_s = 60;

// Every rank sends every other one rows that hold the numbers of sender and receiver.
void exchange(Group& world) {
  const int64_t size = world.size();
  auto rows = torch::empty({size * kRows, kColumns}, computing_device());
  for (int64_t to = 0; to < size; ++to)
    rows.narrow(0, to * kRows, kRows).fill_(static_cast<double>(world.rank() * size + to));
  const std::vector<int64_t> counts(static_cast<size_t>(size), kRows);
  const auto got = world.all_to_all(rows, counts, counts).to(torch::kCPU);
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
      "that agree: synchronise them (chrony, ntp)",
      all.argmin().item<int64_t>(), all.argmax().item<int64_t>(), spread);
}

// The seconds that this rank needs to send a MiB to the first rank of the node `shift` further on,
// while it takes as much from the node `shift` before; all nodes do so at once.
double exchange_with(int64_t shift, const Groups& groups) {
  constexpr int64_t kBlocks = 256, kBlock = 1024;  // of floats: a MiB
  Group& world = *groups.world;
  const int64_t ranks = groups.node->size(), nodes = world.size() / ranks;
  const int64_t node = world.rank() / ranks;
  const int64_t mine = groups.node->rank() == 0 ? kBlocks : 0;
  std::vector<int64_t> sent(static_cast<size_t>(world.size())), taken = sent;
  sent[static_cast<size_t>((node + shift) % nodes * ranks)] = mine;
  taken[static_cast<size_t>((node + nodes - shift) % nodes * ranks)] = mine;
  const auto rows = torch::zeros({mine, kBlock}, computing_device());
  world.barrier();
  const double begun = now_s();
  world.all_to_all(rows, sent, taken);
  return now_s() - begun;
}

// A wrong interface or a damaged cable of one node slows all of them down. Only a rank of that node
// fails, so that the job is tried again without it.
void compare_links(const Groups& groups) {
  constexpr int kTries = 3;
  Group& world = *groups.world;
  const int64_t ranks = groups.node->size(), nodes = world.size() / ranks;
  if (nodes < 2) return;
  double fastest = std::numeric_limits<double>::infinity();
  // With two distances the neighbours of a slow node are seen without it, too.
  for (int64_t shift = 1; shift <= std::min<int64_t>(2, nodes - 1); ++shift) {
    for (int i = 0; i < kTries; ++i)
      fastest = std::min(fastest, exchange_with(shift, groups));
  }
  const auto mine = torch::full({1}, to_integer(fastest * 1e6) + 1, torch::kLong);
  const auto all = world.all_gather(mine).flatten();
  std::vector<double> seconds;
  for (int64_t node = 0; node < nodes; ++node)
    seconds.push_back(1e-6 * static_cast<double>(all[node * ranks].item<int64_t>()));
  const double middle = 1e-6 * static_cast<double>(all.median().item<int64_t>());
  const auto mbit = [](double time) { return 8.388608 / time; };
  if (world.rank() == 0) spdlog::info("links between nodes: {:.0f} Mbit/s", mbit(middle));
  if (groups.node->rank() != 0) return;
  for (const size_t node : slow_nodes(seconds)) {
    if (static_cast<int64_t>(node) != world.rank() / ranks) continue;
    machine_error(
        "node {} ({}) exchanges {:.0f} Mbit/s with other nodes, the others {:.0f}; look at its "
        "link, or name another interface in [launch] interface",
        node, host_name(), mbit(seconds[node]), mbit(middle));
  }
}

}  // namespace

int check_command(const WorkerArguments& arguments) {
  const Groups groups = join_groups(arguments);
  Group& world = *groups.world;
  exchange(world);
  compare_clocks(world);
  write_atomic(arguments.folder / fmt::format("written-by-{}", world.rank()), "x\n");
  world.barrier();
  spdlog::info("rows, clocks and the disk are in order");
  compare_links(groups);
  return 0;
}

}  // namespace xp
