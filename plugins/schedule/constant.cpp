// Linear warm-up, then the peak learning rate for good.
// Source: Goyal et al. 2017, "Accurate, large minibatch SGD", https://arxiv.org/abs/1706.02677,
// section 2.2 (warm-up).
#include "registry/schedule.h"

#include <algorithm>

namespace xp {
namespace {

struct Constant final : Schedule {
  struct Config {
    int64_t warmup_updates = 0;

    void describe(auto& field) {
      field("warmup_updates", warmup_updates, "updates until the peak learning rate",
            at_least(0, "updates"));
    }
  };

  explicit Constant(const Config& c) : config(c) {}

  double factor(int64_t update) const override {
    if (update >= config.warmup_updates) return 1;
    return static_cast<double>(update) / static_cast<double>(config.warmup_updates);
  }

  Config config;
};

XP_REGISTER(Schedule, Constant, "constant", "linear warm-up, then the peak learning rate");

}  // namespace
}  // namespace xp
