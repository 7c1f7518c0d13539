// The uneven all-to-all over real ranks: rows, gradients, bytes.
#include "engine/comm/all_to_all.h"

#include "engine/comm/gather.h"
#include "engine/testing/ranks.h"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <thread>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int64_t kWidth = 3;

// Member `from` sends from + 2 * to rows to member `to`, each filled with 10 * from + to.
int64_t num_rows(int64_t from, int64_t to) {
  return from + 2 * to;
}

struct Sent {
  torch::Tensor rows;
  std::vector<int64_t> sent, taken;
};

Sent rows_of(int64_t rank, int64_t size) {
  Sent out;
  std::vector<torch::Tensor> parts;
  for (int64_t member = 0; member < size; ++member) {
    out.sent.push_back(num_rows(rank, member));
    out.taken.push_back(num_rows(member, rank));
    parts.push_back(
        torch::full({out.sent.back(), kWidth}, static_cast<double>(10 * rank + member)));
  }
  out.rows = torch::cat(parts);
  return out;
}

struct Outcome {
  torch::Tensor received, gradient;
  Traffic traffic;
  LinkBytes bytes;
};

// What arrives is weighted with 1 + the receiver's rank, so that gradients tell where rows were.
Outcome exchanged(const Groups& groups) {
  Group& world = *groups.world;
  Sent own = rows_of(world.rank(), world.size());
  own.rows.requires_grad_();
  Outcome out;
  const auto received = receive_rows(send_rows(own.rows, own.sent, own.taken, world, &out.traffic));
  (received * static_cast<double>(1 + world.rank())).sum().backward();
  out.received = received.detach();
  out.gradient = own.rows.grad();
  out.bytes = world.bytes();
  return out;
}

}  // namespace

TEST_CASE("every member gets the rows meant for it, by sender, and their gradients return") {
  for (const Topology& topology : {Topology{1, 1}, Topology{1, 2}, Topology{2, 2}}) {
    const int64_t ranks = topology.ranks();
    const auto outcomes = on_ranks<Outcome>(topology, exchanged);
    for (int64_t rank = 0; rank < ranks; ++rank) {
      std::vector<torch::Tensor> rows, gradients;
      for (int64_t member = 0; member < ranks; ++member) {
        rows.push_back(
            torch::full({num_rows(member, rank), kWidth}, static_cast<double>(10 * member + rank)));
        gradients.push_back(
            torch::full({num_rows(rank, member), kWidth}, 1.0 + static_cast<double>(member)));
      }
      const Outcome& outcome = outcomes[static_cast<size_t>(rank)];
      CHECK(torch::equal(outcome.received, torch::cat(rows).to(torch::kFloat)));
      CHECK(torch::equal(outcome.gradient, torch::cat(gradients).to(torch::kFloat)));
    }
  }
}

TEST_CASE("bytes are counted by link, forward and backward") {
  const auto outcomes = on_ranks<Outcome>({2, 2}, exchanged);
  constexpr int64_t kRowBytes = kWidth * 4;
  // Forward rank 1 sends 1, 3, 5, 7 rows to ranks 0 to 3; backward it returns 2, 3, 4, 5.
  const LinkBytes& bytes = outcomes[1].traffic.bytes;
  CHECK(bytes.on_rank == (3 + 3) * kRowBytes);
  CHECK(bytes.in_node == (1 + 2) * kRowBytes);
  CHECK(bytes.inter_node == (5 + 7 + 4 + 5) * kRowBytes);
  CHECK(outcomes[1].bytes.inter_node == bytes.inter_node);
  CHECK(outcomes[1].traffic.exposed_s() >= 0);
}

TEST_CASE("rows that are sent in two halves equal those that are sent in one") {
  const auto same = on_ranks<bool>({2, 1}, [](const Groups& groups) {
    Group& world = *groups.world;
    const Sent own = rows_of(world.rank(), world.size());
    auto first = send_rows(own.rows, own.sent, own.taken, world, nullptr);
    auto second = send_rows(own.rows * 2, own.sent, own.taken, world, nullptr);
    const auto one = receive_rows(std::move(first)), two = receive_rows(std::move(second));
    return torch::equal(two, one * 2) && one.size(0) == own.taken[0] + own.taken[1];
  });
  CHECK(same == std::vector<bool>{true, true});
}

TEST_CASE("packed rows and their gradients are those that are sent as they are, to the bit") {
  struct Both {
    torch::Tensor rows, gradient;
    int64_t inter_node = 0;
  };
  // Every rank sends 200 rows of 16 values to each; `is_wild`: of all scales.
  const auto sent = [](bool packs, bool is_wild, Wire wire) {
    return on_ranks<Both>(
        {2, 2},
        [=](const Groups& groups) {
          Group& world = *groups.world;
          auto rows = torch::randn(
              {800, 16}, at::detail::createCPUGenerator(static_cast<uint64_t>(world.rank())));
          if (is_wild)
            rows = rows * torch::exp2(torch::arange(800 * 16).view({800, 16}) % 200 - 100);
          rows = rows.detach().requires_grad_();
          const std::vector<int64_t> counts(4, 200);
          const auto received = receive_rows(send_rows(rows, counts, counts, world, nullptr, wire));
          (received * received.detach()).sum().backward();
          return Both{received.detach(), rows.grad(), world.bytes().inter_node};
        },
        /*overlap=*/true, /*timeout_s=*/20, packs);
  };
  for (const Wire wire : {Wire::kExact, Wire::kBf16}) {
    for (const bool is_wild : {false, true}) {
      const auto whole = sent(false, is_wild, wire), packed = sent(true, is_wild, wire);
      for (size_t rank = 0; rank < 4; ++rank) {
        CHECK(packed[rank].rows.equal(whole[rank].rows));
        CHECK(packed[rank].gradient.equal(whole[rank].gradient));
      }
      // There and back to two ranks: 4 messages of 3200 values.
      const int64_t value_bytes = wire == Wire::kBf16 ? 2 : 4;
      CHECK(whole[0].inter_node == 4 * 3200 * value_bytes);
      const int64_t planes = 4 * 3200 * (value_bytes - 1);
      CHECK(packed[0].inter_node > planes);
      if (!is_wild) CHECK(packed[0].inter_node < planes + 4 * 3200 * 3 / 8);
    }
  }
}

TEST_CASE("short messages and other types are sent as they are") {
  // One row to the other node.
  const auto sent_bytes = [](int64_t values, torch::ScalarType type) {
    return on_ranks<int64_t>(
        {2, 1},
        [=](const Groups& groups) {
          Group& world = *groups.world;
          const auto rows = torch::ones({1, values}, type);
          std::vector<int64_t> counts(2, 0);
          counts[static_cast<size_t>(1 - world.rank())] = 1;
          receive_rows(send_rows(rows, counts, counts, world, nullptr));
          return world.bytes().inter_node;
        },
        /*overlap=*/true, /*timeout_s=*/20, /*packs=*/true)[0];
  };
  CHECK(sent_bytes(512, torch::kFloat) < 4 * 512);
  CHECK(sent_bytes(512, torch::kBFloat16) < 2 * 512);
  CHECK(sent_bytes(511, torch::kFloat) == 4 * 511);
  CHECK(sent_bytes(512, torch::kHalf) == 2 * 512);
  CHECK(sent_bytes(512, torch::kLong) == 8 * 512);
}

TEST_CASE("rows between nodes are seen while they are under way, rows inside a node are not") {
  std::atomic<bool> is_seen = false;
  const auto ok = on_ranks<int>({2, 1}, [&](const Groups& groups) {
    Group& world = *groups.world;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (world.rank() == 1 && !is_seen && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    const Sent own = rows_of(world.rank(), world.size());
    auto rows = send_rows(own.rows, own.sent, own.taken, world, nullptr);
    if (world.rank() == 0) is_seen = world.has_rows_between_nodes();
    receive_rows(std::move(rows));
    while (world.has_rows_between_nodes() && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    return is_seen && !world.has_rows_between_nodes() ? 1 : 0;
  });
  CHECK(ok == std::vector<int>{1, 1});
  const auto near = on_ranks<int>({1, 2}, [](const Groups& groups) {
    Group& world = *groups.world;
    const Sent own = rows_of(world.rank(), world.size());
    auto rows = send_rows(own.rows, own.sent, own.taken, world, nullptr);
    const int seen = world.has_rows_between_nodes() ? 1 : 0;
    receive_rows(std::move(rows));
    return seen;
  });
  CHECK(near == std::vector<int>{0, 0});
}

TEST_CASE("texts of all lengths are gathered in the order of ranks") {
  std::vector<std::string> texts(4);
  texts[1] = "one";
  texts[2].assign(5000, '\n');
  const auto gathered = on_ranks<std::vector<std::string>>({2, 2}, [&](const Groups& groups) {
    return gather_texts(*groups.world, texts[static_cast<size_t>(groups.world->rank())]);
  });
  for (const auto& one : gathered)
    CHECK(one == texts);
}

TEST_CASE("sums and maxima are those of all members, in the node and in the world") {
  const auto sums = on_ranks<std::vector<double>>({2, 2}, [](const Groups& groups) {
    auto world = torch::tensor({static_cast<double>(groups.world->rank() + 1)});
    auto node = world.clone(), largest = world.clone();
    groups.world->all_reduce_sum(world);
    groups.node->all_reduce_sum(node);
    groups.world->all_reduce_max(largest);
    return std::vector<double>{world.item<double>(), node.item<double>(), largest.item<double>()};
  });
  CHECK(sums[0] == std::vector<double>{10, 3, 4});
  CHECK(sums[3] == std::vector<double>{10, 7, 4});
}

TEST_CASE("a subgroup has every stride-th rank and the same members each time") {
  const auto members = on_ranks<std::vector<int64_t>>({2, 2}, [](const Groups& groups) {
    const auto group = groups.subgroup({groups.world->rank() % 2, 2, 2});
    auto own = torch::tensor({groups.world->rank()});
    const auto all = group->all_gather(own).flatten();
    const bool is_kept = groups.subgroup({groups.world->rank() % 2, 2, 2}) == group;
    return std::vector<int64_t>{all[0].item<int64_t>(), all[1].item<int64_t>(),
                                group->world_rank(1), is_kept ? 1 : 0};
  });
  CHECK(members[0] == std::vector<int64_t>{0, 2, 2, 1});
  CHECK(members[3] == std::vector<int64_t>{1, 3, 3, 1});
}
