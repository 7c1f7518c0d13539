// Reduction during the backward pass against reduction after it, and gradients that do not come.
#include "engine/train/gradient_reduction.h"

#include "engine/testing/ranks.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <cmath>

namespace xp {
namespace {

const std::vector<Topology> kLayouts = {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {1, 4}};

constexpr int64_t kTail = 1 + GradientReduction::kOwnFigures, kChunk = 4;
constexpr int64_t kSizes[] = {3, 9, 1, 4};  // of the parameters: chunks hold parts of several

struct Options {
  bool overlap = true;
  int64_t without_last = -1;  // the rank whose last parameter has no gradient; -2: all
  int64_t idle = -1;          // the rank without a backward pass
  int64_t num_batches = 1, num_updates = 2;
};

FlatBuffer buffer_of(const torch::Tensor& values) {
  FlatBuffer out;
  out.values = values;
  out.gradients = torch::zeros({values.numel() + kTail});
  int64_t at = 0;
  for (const int64_t size : kSizes) {
    const auto tensor = values.slice(0, at, at + size).detach().requires_grad_();
    out.parameters.push_back({std::to_string(at), tensor, false, nullptr});
    at += size;
  }
  out.collect_gradients();
  return out;
}

// Parameter i's gradient is (i + 1) x a vector of this rank and batch; the later ones come first.
void backward(const FlatBuffer& buffer, int64_t rank, int64_t batch, bool without_last) {
  auto chain = torch::zeros({});
  for (size_t i = 0; i < buffer.parameters.size(); ++i) {
    if (without_last && i + 1 == buffer.parameters.size()) continue;
    const auto& tensor = buffer.parameters[i].tensor;
    const auto noise = torch::randn(
        tensor.sizes(), at::detail::createCPUGenerator(static_cast<uint64_t>(100 * rank + batch)));
    chain = chain * 1.5 + (tensor * noise).sum() * static_cast<double>(i + 1);
  }
  chain.backward();
}

// The gradients and the tail of every rank after the last update.
std::vector<torch::Tensor> reduced(const Topology& topology, const Options& options) {
  return on_ranks<torch::Tensor>(
      topology,
      [&](const Groups& groups) {
        const int64_t rank = groups.world->rank();
        FlatBuffer buffer = buffer_of(torch::ones({17}));
        GradientReduction reduction(buffer, groups, Wire::kExact, kChunk);
        for (int64_t update = 0; update < options.num_updates; ++update) {
          buffer.clear_gradients();
          for (int64_t batch = 0; batch < options.num_batches; ++batch) {
            if (batch + 1 == options.num_batches) reduction.begin();
            if (rank == options.idle) continue;
            backward(buffer, rank, batch,
                     options.without_last == rank || options.without_last == -2);
          }
          buffer.complete_gradients();
          buffer.tail()[0] = static_cast<double>(rank + 1);
          reduction.finish();
          reduction.gather();
          for (size_t chunk = 0; chunk < reduction.num_chunks(); ++chunk)
            reduction.await(chunk);
        }
        return buffer.gradients;
      },
      options.overlap);
}

}  // namespace

TEST_CASE("gradients that are summed during the backward pass have the bits of those after it") {
  for (const Topology& topology : kLayouts) {
    for (Options options : {Options{}, Options{.num_batches = 3}, Options{.without_last = 0},
                            Options{.without_last = -2}, Options{.idle = 0}}) {
      INFO(topology.nodes << " x " << topology.ranks_per_node);
      const auto during = reduced(topology, options);
      options.overlap = false;
      const auto after = reduced(topology, options);
      for (size_t rank = 0; rank < during.size(); ++rank) {
        CHECK(during[rank].equal(after[0]));
        CHECK(after[rank].equal(after[0]));
      }
    }
  }
}

TEST_CASE("sums are those of all ranks and micro-batches, and the tail's too") {
  const auto one = [](int64_t rank) {
    FlatBuffer buffer = buffer_of(torch::ones({17}));
    for (int64_t batch = 0; batch < 3; ++batch)
      backward(buffer, rank, batch, false);
    return buffer.gradient().clone();
  };
  const auto all = reduced({2, 2}, {.num_batches = 3});
  const auto expected = (one(0) + one(1)) + (one(2) + one(3));
  CHECK(all[3].slice(0, 0, 17).equal(expected));
  CHECK(all[3][17].item<float>() == 10);
}

TEST_CASE("the squares of all sums are known before the sums are brought to all ranks") {
  for (const Topology& topology : kLayouts) {
    INFO(topology.nodes << " x " << topology.ranks_per_node);
    for (const auto& gradients : reduced(topology, {})) {
      const double expected =
          gradients.slice(0, 0, 17).to(torch::kDouble).square().sum().item<double>();
      if (topology.ranks() == 1) continue;
      CHECK(std::abs(gradients[18].item<double>() / expected - 1) < 1e-6);
    }
  }
}

TEST_CASE("a parameter without a gradient on one rank has that of the others") {
  const auto all = reduced({1, 2}, {.without_last = 0});
  FlatBuffer other = buffer_of(torch::ones({17}));
  backward(other, 1, 0, false);
  CHECK(all[0].slice(0, 13, 17).equal(other.gradient().slice(0, 13, 17)));
}

TEST_CASE("a rank that fails in a backward pass ends, and the others say that it is gone") {
  const auto fails = [](const Groups& groups) -> int {
    FlatBuffer buffer = buffer_of(torch::ones({17}));
    GradientReduction reduction(buffer, groups, Wire::kExact, kChunk);
    for (int update = 0;; ++update) {
      buffer.clear_gradients();
      reduction.begin();
      // As for rows of the other rank, whose sums wait for those of this one.
      if (update == 1 && groups.world->rank() == 0) groups.world->barrier();
      backward(buffer, groups.world->rank(), 0, false);
      if (update == 1) throw std::runtime_error("out of memory");
      reduction.finish();
    }
  };
  using Catch::Matchers::EndsWith;
  CHECK_THROWS_WITH(on_ranks<int>({1, 2}, fails), EndsWith("; rank 1 is gone"));
  CHECK_THROWS_WITH(on_ranks<int>({2, 1}, fails), EndsWith("; rank 1 on node1 is gone"));
}

TEST_CASE("chunks are summed while the backward pass is still under way") {
  // A hook before the first parameter's gradient waits for the sum of the last one's.
  const auto sent = on_ranks<int>({1, 2}, [](const Groups& groups) {
    FlatBuffer buffer = buffer_of(torch::ones({17}));
    GradientReduction reduction(buffer, groups, Wire::kExact, kChunk);
    std::atomic<bool> was_summed = false;
    for (int update = 0; update < 2; ++update) {
      buffer.gradients.zero_();
      // Made first, it comes last in the backward pass.
      auto own = buffer.parameters.front().tensor * 1;
      if (update == 1) {
        own.register_hook([&](const torch::Tensor&) {
          const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
          // Of the last parameter's chunks, an element of this rank's part.
          const int64_t at = groups.world->rank() == 0 ? 13 : 16;
          const auto summed = buffer.gradients.slice(0, at, at + 1);
          while (!was_summed && std::chrono::steady_clock::now() < until)
            was_summed = summed.item<float>() == 4;
        });
      }
      auto total = own.sum();
      for (size_t i : {1, 2, 3})
        total = total + (buffer.parameters[i].tensor * 2).sum();
      reduction.begin();
      total.backward();
      reduction.finish();
    }
    return was_summed ? 1 : 0;
  });
  CHECK(sent == std::vector<int>{1, 1});
}

TEST_CASE("a rank that dies in the middle of a backward pass is named by the others") {
  try {
    on_ranks<int>({2, 2}, [](const Groups& groups) {
      FlatBuffer buffer = buffer_of(torch::ones({17}));
      GradientReduction reduction(buffer, groups, Wire::kExact, kChunk);
      for (int update = 0; update < 2; ++update) {
        reduction.begin();
        if (update == 1 && groups.world->rank() == 3) throw Error(Blame::kMachine, "gone");
        backward(buffer, groups.world->rank(), 0, false);
        reduction.finish();
      }
      return 0;
    });
    FAIL("ran");
  } catch (const Error& error) {
    const std::string what = error.what();
    INFO(what);
    CHECK(what.starts_with("transfer: "));
    CHECK(what.ends_with("; rank 3 on node1 is gone"));
  }
}

}  // namespace xp
