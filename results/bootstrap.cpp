// Drawing, summing, counting.
#include "results/bootstrap.h"

#include "engine/base/hash.h"
#include "results/statistics.h"

#include <cmath>
#include <random>

namespace xp {
namespace {

// A number below `limit`. The standard's distributions differ between libraries, and reports must
// not.
size_t draw(std::mt19937_64& random, size_t limit) {
  return static_cast<size_t>((random() >> 32) * static_cast<uint64_t>(limit) >> 32);
}

std::vector<size_t> drawn_seeds(std::mt19937_64& random, size_t count) {
  std::vector<size_t> out(count);
  for (size_t& seed : out)
    seed = count == 1 ? 0 : draw(random, count);
  return out;
}

double mean_of(const Resampled& system, const std::vector<size_t>& seeds, size_t round) {
  double sum = 0;
  for (const size_t seed : seeds)
    sum += system.scores[seed][round];
  return sum / static_cast<double>(seeds.size());
}

}  // namespace

std::vector<uint32_t> resample(size_t round, size_t sentences) {
  static const uint64_t kSeed = seed_for(0, "bootstrap sentences");
  std::mt19937_64 random(kSeed + round);
  std::vector<uint32_t> out(sentences);
  for (uint32_t& sentence : out)
    sentence = static_cast<uint32_t>(draw(random, sentences));
  return out;
}

std::vector<double> resampled_scores(const SentenceCounts& counts,
                                     const std::function<double(std::span<const int64_t>)>& score) {
  // Narrow numbers: the sums below are bound by memory.
  const std::vector<int32_t> numbers(counts.numbers.begin(), counts.numbers.end());
  const size_t width = counts.width;
  std::vector<double> out;
  std::vector<int64_t> sums(width);
  for (size_t round = 0; round < kResamples; ++round) {
    std::fill(sums.begin(), sums.end(), 0);
    for (const uint32_t sentence : resample(round, counts.size())) {
      const int32_t* const row = numbers.data() + sentence * width;
      for (size_t i = 0; i < width; ++i)
        sums[i] += row[i];
    }
    out.push_back(score(sums));
  }
  return out;
}

std::optional<BootstrapResult> compare(const Resampled& system, const Resampled& baseline,
                                       double difference) {
  if (system.scores.empty() || baseline.scores.empty()) return std::nullopt;
  const bool paired = system.seeds == baseline.seeds;
  std::mt19937_64 random(seed_for(0, "bootstrap seeds"));
  std::vector<double> differences;
  for (size_t round = 0; round < kResamples; ++round) {
    const auto ours = drawn_seeds(random, system.scores.size());
    const auto theirs = paired ? ours : drawn_seeds(random, baseline.scores.size());
    differences.push_back(mean_of(system, ours, round) - mean_of(baseline, theirs, round));
  }
  const double mean = moments(differences).mean;
  size_t as_far = 0;
  for (const double d : differences)
    as_far += std::abs(d - mean) >= std::abs(difference) ? 1 : 0;
  return BootstrapResult{
      static_cast<double>(1 + as_far) / static_cast<double>(1 + differences.size()),
      percentile(differences, 0.025), percentile(differences, 0.975)};
}

}  // namespace xp
