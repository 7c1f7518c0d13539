// One comparison for each limit.
#include "engine/train/health.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

constexpr double kNewShare = 0.1;  // of the newest loss in the mean: it spans about ten updates

}  // namespace

std::vector<std::string> Health::check_update(double loss, double gradient_norm,
                                              LossTrend& trend) const {
  trend.mean = trend.mean == 0 ? loss : (1 - kNewShare) * trend.mean + kNewShare * loss;
  trend.lowest_mean = trend.lowest_mean == 0 ? trend.mean : std::min(trend.lowest_mean, trend.mean);
  std::vector<std::string> out;
  if (limits_.max_gradient_norm > 0 && gradient_norm > limits_.max_gradient_norm) {
    out.push_back(
        fmt::format("the gradient norm is {:.4g}, above train.health.max_gradient_norm = {}",
                    gradient_norm, limits_.max_gradient_norm));
  }
  const double rise = trend.mean - trend.lowest_mean;
  if (limits_.max_loss_rise > 0 && rise > limits_.max_loss_rise) {
    out.push_back(fmt::format(
        "the mean loss of ten updates has risen by {:.4g} from its lowest, {:.4g}, by more "
        "than train.health.max_loss_rise = {}",
        rise, trend.lowest_mean, limits_.max_loss_rise));
  }
  return out;
}

std::vector<std::string> Health::check_loads(const ExpertLoads& loads) const {
  std::vector<std::string> out;
  if (limits_.min_expert_share <= 0) return out;
  for (const auto& [layer, percents] : loads) {
    const auto least = std::min_element(percents.begin(), percents.end());
    if (least == percents.end()) continue;
    // Of an even share: 100 percent divided by the number of experts.
    const double share = *least * static_cast<double>(percents.size()) / 100;
    if (share >= limits_.min_expert_share) continue;
    out.push_back(fmt::format(
        "expert {} of {} gets {:.3g} of an even share of rows, below train.health.min_expert_share "
        "= {}",
        least - percents.begin(), layer, share, limits_.min_expert_share));
  }
  return out;
}

}  // namespace xp
