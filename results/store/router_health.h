// Mean figures of the routers at the end of a training.
#pragma once

#include "engine/base/value.h"

#include <map>
#include <string>
#include <string_view>

namespace xp {

/// Between a layer's name and an expert's number in the store's metric that holds the share of the
/// layer's rows, in percent, that came to the expert last: "decoder.1.experts.load.3".
constexpr std::string_view kExpertLoad = ".experts.load.";

/// How even the shares of a layer's experts are: "rows_least", "rows_p10", "rows_median",
/// "rows_p90" and "rows_most", each as a multiple of an even share. Percentiles lie between two
/// experts as NumPy's do. Empty unless all shares are numbers.
std::map<std::string, double> row_percentiles(const Value& shares);

/// Collects the figures that each MoE layer logs per part, "decoder.1.global.entropy", and keeps
/// the last of each.
class RouterHealth {
 public:
  void see(const std::string& name, const Value& value);

  /// "router_entropy", "router_unrouted", ...: the mean over layers and parts of what each logged
  /// last. Empty for a model without routers.
  std::map<std::string, double> summary() const;

 private:
  std::map<std::string, double> last_;  ///< by the logged name
};

}  // namespace xp
