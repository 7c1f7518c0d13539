// Linear warm-up, then half a cosine down to a share of the peak.
// Source: Loshchilov and Hutter 2017, "SGDR", https://arxiv.org/abs/1608.03983, equation 5, one
// period.
#include "registry/schedule.h"

#include <cmath>
#include <numbers>

namespace xp {
namespace {

struct Cosine final : Schedule {
  struct Config {
    int64_t warmup_updates = 4000, period_updates = 100000;
    double end = 0.0;

    void describe(auto& field) {
      field("warmup_updates", warmup_updates, "updates until the peak learning rate",
            at_least(1, "updates"));
      field("period_updates", period_updates, "updates from the start until the lowest rate",
            at_least(1, "updates"));
      field("end", end, "the lowest rate as a share of the peak", fraction());
    }
    static std::vector<Rule> rules() { return {peak_is_reached()}; }
  };

  explicit Cosine(const Config& c) : config(c) {}

  double factor(int64_t update) const override {
    const auto now = static_cast<double>(update), warm = static_cast<double>(config.warmup_updates);
    if (now < warm) return now / warm;
    const double rest = std::max(1.0, static_cast<double>(config.period_updates) - warm);
    const double done = std::min(1.0, (now - warm) / rest);
    return config.end + (1 - config.end) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  }

  Config config;
};

XP_REGISTER(Schedule, Cosine, "cosine", "linear warm-up, then half a cosine");

}  // namespace
}  // namespace xp
