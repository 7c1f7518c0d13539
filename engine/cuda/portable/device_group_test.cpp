// Collectives over links, here those of Gloo: what arrives, what is counted, what fails.
#include "engine/cuda/portable/device_group.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"
#include "engine/testing/ranks.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct PassageThere final : Passage {
  void wait() override {}
};

// Links that are the host's, with tensors of the CPU as those of the device.
struct HostLinks final : Links {
  explicit HostLinks(Group& at) : host(at) {}
  void all_reduce(torch::Tensor& tensor, Reduction reduction) override {
    reduction == Reduction::kSum ? host.all_reduce_sum(tensor) : host.all_reduce_max(tensor);
  }
  void broadcast(torch::Tensor& tensor, int64_t from) override { host.broadcast(tensor, from); }
  void all_gather(const torch::Tensor& row, torch::Tensor& rows) override {
    rows.copy_(host.all_gather(row));
  }
  std::unique_ptr<Passage> exchange(std::vector<Transfer> sent,
                                    std::vector<Transfer> taken) override {
    host.transfer(sent, taken);
    return std::make_unique<PassageThere>();
  }
  double ended_seconds() override { return 0.5; }
  void finish() override {}
  Group& host;
};

Groups over_links(const Groups& host) {
  return device_groups(host, torch::kCPU,
                       [](Group& group, int64_t) { return std::make_unique<HostLinks>(group); });
}

}  // namespace

TEST_CASE("rows reach their members over links, and are counted by the link they take") {
  struct Seen {
    torch::Tensor rows;
    LinkBytes bytes;
    double seconds;
  };
  const auto seen = on_ranks<Seen>({2, 2}, [](const Groups& host) {
    const Groups groups = over_links(host);
    const auto rank = groups.world->rank();
    // Rank r sends r rows to rank 0, one to itself if that is another, and two to rank 3.
    std::vector<int64_t> sent(4, 0), taken(4, 0);
    sent[0] = rank;
    if (rank != 0) sent[static_cast<size_t>(rank)] = 1;
    sent[3] = rank == 3 ? 1 : 2;
    for (int64_t from = 0; from < 4; ++from) {
      if (rank == 0) taken[static_cast<size_t>(from)] = from;
      if (rank == from && rank != 0) taken[static_cast<size_t>(from)] = 1;
      if (rank == 3) taken[static_cast<size_t>(from)] = from == 3 ? 1 : 2;
    }
    const int64_t rows = std::accumulate(sent.begin(), sent.end(), int64_t{0});
    const auto pending = groups.world->start_all_to_all(
        torch::full({rows, 2}, static_cast<float>(rank)), sent, taken);
    const auto out = pending->wait();
    return Seen{out, groups.world->bytes(), pending->seconds()};
  });
  CHECK(seen[0].rows.equal(
      torch::tensor({1.0F, 2.0F, 2.0F, 3.0F, 3.0F, 3.0F}).unsqueeze(1).expand({6, 2})));
  CHECK(seen[3].rows.sizes() == at::IntArrayRef({7, 2}));
  CHECK(seen[0].bytes.inter_node == 16);
  CHECK(seen[1].bytes.in_node == 8);
  CHECK(seen[1].bytes.on_rank == 8);
  CHECK(seen[2].bytes.inter_node == 16);
  CHECK(seen[2].bytes.in_node == 16);
  CHECK(seen[0].seconds == 0.5);
}

TEST_CASE("reductions, broadcasts and gathers over links take tensors with gaps") {
  const auto sums = on_ranks<torch::Tensor>({1, 2}, [](const Groups& host) {
    const Groups groups = over_links(host);
    auto whole = torch::arange(6, torch::kFloat).view({3, 2});
    auto column = whole.select(1, 1);
    groups.world->all_reduce_sum(column);
    auto largest = torch::tensor({groups.world->rank()});
    groups.node->all_reduce_max(largest);
    auto from_1 = torch::tensor({10 * groups.world->rank()});
    groups.world->broadcast(from_1, 1);
    const auto all = groups.world->all_gather(torch::tensor({groups.world->rank() + 5}));
    groups.world->barrier();
    return torch::cat({whole.flatten(), largest, from_1, all.flatten()});
  });
  CHECK(sums[0].equal(torch::tensor({0, 2, 2, 6, 4, 10, 1, 10, 5, 6}, torch::kFloat)));
  CHECK(sums[1].equal(sums[0]));
}

TEST_CASE("a group of one rank needs no links; groups are made once") {
  const Groups groups =
      device_groups(alone(), torch::kCPU, [](Group&, int64_t) { return std::unique_ptr<Links>(); });
  CHECK(groups.world->all_to_all(torch::ones({2, 3}), {2}, {2}).sum().item<float>() == 6);
  CHECK(groups.world->bytes().on_rank == 24);
  CHECK(groups.subgroup({0, 1, 1}) == groups.world);
}
