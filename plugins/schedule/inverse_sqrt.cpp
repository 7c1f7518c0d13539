// Linear warm-up, then decay with the inverse square root of the update number.
// Source: Vaswani et al. 2017, "Attention is all you need", https://arxiv.org/abs/1706.03762,
// equation 3.
#include "registry/schedule.h"

#include <cmath>

namespace xp {
namespace {

struct InverseSqrt final : Schedule {
  struct Config {
    int64_t warmup_updates = 4000;

    void describe(auto& field) {
      field("warmup_updates", warmup_updates, "updates until the peak learning rate",
            at_least(1, "updates"));
    }
    static std::vector<Rule> rules() { return {peak_is_reached()}; }
  };

  explicit InverseSqrt(const Config& c) : config(c) {}

  double factor(int64_t update) const override {
    const auto now = static_cast<double>(update), peak = static_cast<double>(config.warmup_updates);
    return now < peak ? now / peak : std::sqrt(peak / now);
  }

  Config config;
};

XP_REGISTER(Schedule, InverseSqrt, "inverse-sqrt",
            "linear warm-up, then the inverse square root of the update");

}  // namespace
}  // namespace xp
