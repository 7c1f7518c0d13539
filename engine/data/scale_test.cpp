// Very large corpora, from a file of 8 million sentences that is linked under many names. Prints
// what it took: run it with `build/tests/xp_data_test "[soak]"`.
#include "engine/base/split_mix.h"
#include "engine/data/token_set.h"
#include "engine/data/window.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <ctime>
#include <fstream>
#include <malloc.h>

namespace xp {
namespace {

constexpr int64_t kPartSentences = int64_t{1} << 23;

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6)) * 1024;
  return 0;
}

// What is allocated and not freed, mapped files aside.
int64_t allocated_bytes() {
  const auto info = ::mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

struct ScaleTest {
  TempFolder folder;
  fs::path stem = folder.path() / "train.en-fr.source";

  // Lengths 1 to 32 with a mean of 9: like text, and small.
  void write(size_t num_parts) const {
    {
      TokenFileWriter writer(token_part(stem, 0), 32000);
      SplitMix draws(1);
      const std::vector<int32_t> ids(32, 7);
      for (int64_t i = 0; i < kPartSentences; ++i) {
        const double u = draws.uniform();
        writer.add(std::span(ids).first(1 + static_cast<size_t>(31 * u * u * u)));
      }
      writer.finish();
    }
    for (size_t i = 1; i < num_parts; ++i)
      fs::create_hard_link(token_part(stem, 0), token_part(stem, i));
  }
};

TEST_CASE_METHOD(ScaleTest, "a set of 10^9 sentences is opened without being read", "[soak]") {
  write(120);
  const int64_t before = resident_bytes();
  const double begin = wall_seconds();
  const TokenSet set(stem);
  const double taken_s = wall_seconds() - begin;
  const int64_t grown = resident_bytes() - before;
  fmt::print("{} sentences opened in {:.4f} s, {:.1f} MB resident\n", set.size(), taken_s,
             static_cast<double>(grown) / 1e6);
  CHECK(set.size() == 120 * kPartSentences);
  CHECK(taken_s < 1);
  CHECK(grown < int64_t{200'000'000});
}

TEST_CASE_METHOD(ScaleTest,
                 "10^8 sentences are batched in windows whose memory falls with the ranks",
                 "[soak]") {
  write(12);
  const TokenSet set(stem);
  const Sampler sampler({set.size()}, {}, 1);
  const LengthOf length_of = [&](PairId pair) {
    const uint32_t length = set.length(pair.index) + 1;
    return PairLength{length, length};
  };
  int64_t memory_of_one = 0;
  for (const int64_t ranks : {1, 4, 16}) {
    const WindowRule rule{{4096, ranks, 1}};
    const double begin = cpu_seconds();
    const int64_t before = allocated_bytes();
    int64_t num_batches = 0, num_pairs = 0, most = 0;
    for (int64_t i = 0; i < Window::count(sampler, rule); ++i) {
      Window window(sampler, length_of, rule, 0, 0, i);
      window.agree(window.num_needed());
      most = std::max(most, allocated_bytes() - before);
      num_batches += window.num_steps();
      for (int64_t step = 0; step < window.num_steps(); ++step)
        num_pairs += static_cast<int64_t>(window.batch(step).size());
    }
    const double taken_s = cpu_seconds() - begin;
    fmt::print("{} ranks: {} pairs of rank 0 in {} batches, {:.1f} CPU-seconds, {:.1f} MB\n", ranks,
               num_pairs, num_batches, taken_s, static_cast<double>(most) / 1e6);
    CHECK(taken_s < 60);
    CHECK(num_pairs >= set.size() / ranks - Sampler::kBlock * Window::count(sampler, rule));
    if (ranks == 1) {
      memory_of_one = most;
      CHECK(num_pairs == set.size());
    } else {
      CHECK(most < 2 * memory_of_one / ranks);
    }
  }
}

}  // namespace
}  // namespace xp
