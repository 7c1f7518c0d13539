// Drawing, summing, counting.
#include "results/report/bootstrap.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "results/report/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>

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

// A loop of fixed length is one that compilers make vector instructions of.
constexpr size_t kLanes = 64;

size_t padded(size_t sentences) {
  return (sentences + kLanes - 1) / kLanes * kLanes;
}

// Both have a multiple of kLanes entries.
template <class Number>
int64_t product(std::span<const int16_t> times, std::span<const Number> numbers) {
  constexpr size_t kBlock = 64 * kLanes;  // sentences whose sum a 32-bit number holds
  int64_t out = 0;
  for (size_t begin = 0; begin < times.size(); begin += kBlock) {
    std::common_type_t<Number, int32_t> sum = 0;
    for (size_t at = begin; at < std::min(times.size(), begin + kBlock); at += kLanes) {
      const int16_t* const here = times.data() + at;
      const Number* const there = numbers.data() + at;
      for (size_t i = 0; i < kLanes; ++i)
        sum += here[i] * there[i];
    }
    out += sum;
  }
  return out;
}

// The sums of every number over every resample, [round][number].
template <class Number>
std::vector<int64_t> sums_of_resamples(const SentenceCounts& counts,
                                       const std::vector<int16_t>& times) {
  const size_t width = counts.width, stride = padded(counts.size());
  const size_t rounds = stride == 0 ? 0 : times.size() / stride;
  std::vector<int64_t> out(width * rounds);
  std::vector<Number> column(stride);
  for (size_t at = 0; at < width; ++at) {
    for (size_t i = 0; i < counts.size(); ++i)
      column[i] = static_cast<Number>(counts.numbers[i * width + at]);
    for (size_t round = 0; round < rounds; ++round) {
      const auto drawn = std::span(times).subspan(round * stride, stride);
      out[round * width + at] = product<Number>(drawn, column);
    }
  }
  return out;
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

Resamples::Resamples(size_t sentences, size_t rounds,
                     const std::function<void(size_t, std::span<int16_t>)>& draw)
    : sentences_(sentences), rounds_(rounds), times_(rounds * padded(sentences)) {
  for (size_t round = 0; round < rounds; ++round)
    draw(round, std::span(times_).subspan(round * padded(sentences), sentences));
}

Resamples::Resamples(size_t sentences)
    : Resamples(sentences, kResamples, [&](size_t round, std::span<int16_t> times) {
        for (const uint32_t sentence : resample(round, sentences))
          ++times[sentence];
      }) {}

std::vector<int64_t> Resamples::sums(const SentenceCounts& counts) const {
  check(counts.size() == sentences_, "resamples are of texts of this length");
  using Narrow = std::numeric_limits<int16_t>;
  const bool is_narrow = std::all_of(
      counts.numbers.begin(), counts.numbers.end(),
      [](int64_t number) { return number >= Narrow::min() && number <= Narrow::max(); });
  return is_narrow ? sums_of_resamples<int16_t>(counts, times_)
                   : sums_of_resamples<int64_t>(counts, times_);
}

std::vector<double> Resamples::scores(
    const SentenceCounts& counts,
    const std::function<double(std::span<const int64_t>)>& score) const {
  const auto sums_of_rounds = sums(counts);
  std::vector<double> out;
  for (size_t round = 0; round < rounds_; ++round)
    out.push_back(score(std::span(sums_of_rounds).subspan(round * counts.width, counts.width)));
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
