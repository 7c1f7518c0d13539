// Messages through memory that ranks share: their order, their bytes, and ends that are gone.
#include "engine/comm/node_memory.h"

#include "engine/comm/all_to_all.h"
#include "engine/testing/file_size_limit.h"
#include "engine/testing/message.h"
#include "engine/testing/ranks.h"

#include <catch2/catch_test_macros.hpp>

#include <numeric>
#include <random>
#include <string>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

bool can_meet() {
  static const auto each = on_ranks<int>({1, 2}, [](const Groups& groups) {
    return NodeMemory::meet(*groups.world, 20) == nullptr ? 0 : 1;
  });
  return each == std::vector<int>{1, 1};
}

// What `each` returns on the ranks of one node, which have met.
template <class Result>
std::vector<Result> on_node(int64_t ranks,
                            const std::function<Result(NodeMemory&, const Groups&)>& each,
                            int64_t timeout_s = 20) {
  if (!can_meet()) SKIP("processes cannot map each other's memory here");
  return on_ranks<Result>({1, ranks}, [&](const Groups& groups) {
    const auto memory = NodeMemory::meet(*groups.world, timeout_s);
    return each(*memory, groups);
  });
}

}  // namespace

TEST_CASE("messages through memory arrive whole, of any size and however many wait") {
  const auto seen = on_node<int64_t>(3, [](NodeMemory& memory, const Groups& groups) {
    const int64_t rank = groups.world->rank(), next = (rank + 1) % 3, before = (rank + 2) % 3;
    std::mt19937 random(7);
    int64_t wrong = 0;
    for (int round = 0; round < 20; ++round) {
      std::vector<int64_t> sizes(60);
      for (auto& size : sizes)
        size = 1 + static_cast<int64_t>(random() % (round % 5 == 0 ? 100'000 : 100));
      for (size_t i = 0; i < sizes.size(); ++i) {
        const std::string text(static_cast<size_t>(sizes[i]),
                               static_cast<char>('a' + (rank + i) % 26));
        memory.send(next, text.data(), sizes[i]);
      }
      for (size_t i = 0; i < sizes.size(); ++i) {
        std::string text(static_cast<size_t>(sizes[i]), ' ');
        memory.receive(before, memory.expect(before), text.data(), sizes[i]);
        wrong += text != std::string(text.size(), static_cast<char>('a' + (before + i) % 26));
      }
    }
    return wrong;
  });
  CHECK(seen == std::vector<int64_t>{0, 0, 0});
}

TEST_CASE("more messages than there are slots wait for their reader") {
  const auto seen = on_node<std::vector<int>>(2, [](NodeMemory& memory, const Groups& groups) {
    std::vector<int> got;
    for (int i = 0; i < 1000; ++i) {
      if (groups.world->rank() == 0) {
        memory.send(1, &i, sizeof i);
      } else {
        int value = -1;
        memory.receive(0, memory.expect(0), &value, sizeof value);
        got.push_back(value);
      }
    }
    return got;
  });
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(seen[1] == expected);
}

TEST_CASE("messages are read in the order in which somebody waits for them") {
  const auto seen = on_node<std::vector<int>>(2, [](NodeMemory& memory, const Groups& groups) {
    const int64_t other = 1 - groups.world->rank();
    for (const int value : {10, 11, 12})
      memory.send(other, &value, sizeof value);
    const int64_t first = memory.expect(other), second = memory.expect(other),
                  third = memory.expect(other);
    std::vector<int> got;
    for (const int64_t number : {third, first, second})
      memory.receive(other, number, &got.emplace_back(), sizeof(int));
    return got;
  });
  CHECK(seen[0] == std::vector<int>{12, 10, 11});
  CHECK(seen[1] == std::vector<int>{12, 10, 11});
}

TEST_CASE("the time of a message is that at which it was sent") {
  const auto seen = on_node<int>(2, [](NodeMemory& memory, const Groups& groups) {
    const int64_t rank = groups.world->rank();
    const double before_s = steady_s();
    if (rank == 0) {
      memory.send(1, &rank, sizeof rank);
      groups.world->barrier();
      return 1;
    }
    groups.world->barrier();
    const double late_s = steady_s();
    int64_t value = 0;
    const double sent_s = memory.receive(0, memory.expect(0), &value, sizeof value);
    return sent_s > before_s - 20 && sent_s < late_s ? 1 : 0;
  });
  CHECK(seen[1] == 1);
}

TEST_CASE("what a member sent before it closed is read, and what it did not send is an error") {
  const auto seen = on_node<std::string>(2, [](NodeMemory& memory, const Groups& groups) {
    int value = 5;
    if (groups.world->rank() == 0) {
      memory.send(1, &value, sizeof value);
      memory.close();
      return std::string();
    }
    memory.receive(0, memory.expect(0), &value, sizeof value);
    return std::to_string(value) + ", then " +
           message_of([&] { memory.receive(0, memory.expect(0), &value, sizeof value); });
  });
  CHECK(seen[1] == "5, then the other end is closed");
}

TEST_CASE("a message that never comes is an error in time") {
  const auto seen = on_node<std::string>(
      2,
      [](NodeMemory& memory, const Groups& groups) {
        const int64_t other = 1 - groups.world->rank();
        int value = 0;
        const auto message =
            message_of([&] { memory.receive(other, memory.expect(other), &value, sizeof value); });
        groups.world->barrier();  // before an end is closed
        return message;
      },
      /*timeout_s=*/1);
  CHECK(seen[0] == "no answer within 1 s");
}

TEST_CASE("a message of another length than expected is an error") {
  const auto seen = on_node<std::string>(2, [](NodeMemory& memory, const Groups& groups) {
    const int64_t other = 1 - groups.world->rank();
    memory.send(other, &other, sizeof other);
    int value = 0;
    return message_of([&] { memory.receive(other, memory.expect(other), &value, sizeof value); });
  });
  CHECK(seen[0] == "a message of 8 bytes came where 4 were expected");
}

TEST_CASE("ranks whose files are limited do without shared memory, and send the same") {
  const FileSizeLimit limit(1 << 20);
  const auto seen = on_ranks<std::string>({1, 2}, [](const Groups& groups) {
    const int64_t other = 1 - groups.world->rank();
    const bool has_met = NodeMemory::meet(*groups.world, 20) != nullptr;
    const auto got =
        groups.world->all_to_all(torch::full({2, 1}, groups.world->rank()), {1, 1}, {1, 1});
    return (has_met ? "memory " : "sockets ") + std::to_string(got[other].item<int64_t>());
  });
  CHECK(seen == std::vector<std::string>{"sockets 1", "sockets 0"});
}

TEST_CASE("large and small transfers of one call arrive in their places") {
  const auto seen = on_ranks<double>({1, 2}, [](const Groups& groups) {
    const int64_t rank = groups.world->rank(), other = 1 - rank;
    constexpr int64_t kLarge = 5 << 20;  // 20 MiB, which go through sockets
    const auto values = [&](int64_t of) {
      return std::vector<torch::Tensor>{torch::full({3}, static_cast<float>(of + 1)),
                                        torch::full({kLarge}, static_cast<float>(of + 2)),
                                        torch::full({2}, static_cast<float>(of + 3))};
    };
    std::vector<Transfer> sent, taken;
    for (const auto& one : values(rank))
      sent.push_back({other, one});
    for (const auto& one : values(other))
      taken.push_back({other, torch::zeros_like(one)});
    groups.world->transfer(sent, taken);
    double wrong = 0;
    for (size_t i = 0; i < taken.size(); ++i)
      wrong += (taken[i].values - values(other)[i]).abs().sum().item<double>();
    return wrong;
  });
  CHECK(seen == std::vector<double>{0, 0});
}
