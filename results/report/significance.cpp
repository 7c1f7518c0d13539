// Both tests are sums over sentences that are weighted anew in each round.
#include "results/report/significance.h"

#include "engine/base/error.h"
#include "results/report/bootstrap.h"
#include "results/report/numpy_random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xp {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// As sacreBLEU counts: the observed difference is one of the rounds.
double p_of(const std::vector<double>& rounds, double observed) {
  const auto further =
      std::count_if(rounds.begin(), rounds.end(), [&](double value) { return value > observed; });
  return static_cast<double>(further + 1) / static_cast<double>(rounds.size() + 1);
}

// Half the width of what is left without a fortieth at either end.
double interval_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t cut = values.size() / 40;
  return 0.5 * (values[values.size() - cut - 1] - values[cut]);
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out(a.size());
  for (size_t i = 0; i < a.size(); ++i)
    out[i] = std::abs(a[i] - b[i]);
  return out;
}

void bootstrap(const PairedRule& rule, const std::vector<SentenceCounts>& systems,
               const ScoreOfSums& score, std::vector<PairedResult>& out) {
  const auto sentences = static_cast<uint32_t>(systems[0].size());
  NumpyRandom random(rule.seed);
  const Resamples resamples(sentences, rule.num_rounds(), [&](size_t, std::span<int16_t> times) {
    for (uint32_t i = 0; i < sentences; ++i)
      ++times[random.below(sentences)];
  });
  std::vector<double> baseline;
  for (size_t i = 0; i < systems.size(); ++i) {
    const auto scores = resamples.scores(systems[i], score);
    out[i].mean = mean_of(scores);
    out[i].interval = interval_of(scores);
    if (i == 0) {
      baseline = scores;
      continue;
    }
    auto centred = differences(scores, baseline);
    const double mean = mean_of(centred);
    for (double& value : centred)
      value -= mean;
    out[i].p = p_of(centred, std::abs(out[i].score - out[0].score));
  }
}

// In every round a coin decides for each sentence which of the two systems it counts for.
void randomize(const PairedRule& rule, const std::vector<SentenceCounts>& systems,
               const ScoreOfSums& score, std::vector<PairedResult>& out) {
  const size_t sentences = systems[0].size(), width = systems[0].width;
  NumpyRandom random(rule.seed);
  const Resamples swaps(sentences, rule.num_rounds(), [&](size_t, std::span<int16_t> times) {
    for (size_t i = 0; i < sentences; ++i)
      times[i] = random.coin() ? 1 : 0;
  });
  const auto baseline = sums_of(systems[0]);
  for (size_t i = 1; i < systems.size(); ++i) {
    SentenceCounts gain = systems[0];
    for (size_t k = 0; k < gain.numbers.size(); ++k)
      gain.numbers[k] -= systems[i].numbers[k];
    const auto moved = swaps.sums(gain);
    const auto system = sums_of(systems[i]);
    std::vector<double> rounds;
    std::vector<int64_t> a(width), b(width);
    for (size_t round = 0; round < rule.num_rounds(); ++round) {
      for (size_t k = 0; k < width; ++k) {
        a[k] = system[k] + moved[round * width + k];
        b[k] = baseline[k] - moved[round * width + k];
      }
      rounds.push_back(std::abs(score(a) - score(b)));
    }
    out[i].p = p_of(rounds, std::abs(out[i].score - out[0].score));
  }
}

}  // namespace

size_t PairedRule::num_rounds() const {
  if (rounds > 0) return rounds;
  return test == PairedTest::kBootstrap ? 1000 : 10'000;
}

std::vector<PairedResult> paired_results(const PairedRule& rule,
                                         const std::vector<SentenceCounts>& systems,
                                         const ScoreOfSums& score) {
  std::vector<PairedResult> out;
  for (const auto& system : systems) {
    check(system.size() == systems[0].size(), "systems that are compared have the same sentences");
    PairedResult result;
    result.score = score(sums_of(system));
    out.push_back(result);
  }
  if (out.empty() || systems[0].size() == 0) return out;
  if (rule.test == PairedTest::kBootstrap)
    bootstrap(rule, systems, score, out);
  else
    randomize(rule, systems, score, out);
  return out;
}

}  // namespace xp
