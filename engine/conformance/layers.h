// What gates, layers and stacks of a recording have in common.
#pragma once

#include "engine/conformance/recording.h"
#include "engine/moe/moe_layer.h"

#include <functional>
#include <map>
#include <string>

namespace xp {

/// Settings of the recorded gate or layer under our names. Keys are looked up in `settings` as the
/// predecessor's options are named.
std::shared_ptr<const Router> router_of(const Value& settings, bool top1);
CapacityRule capacity_of(const Value& settings, bool training);
std::shared_ptr<const Exchange> exchange_of(const Value& settings);
/// The table [model.moe.exchange] for the predecessor's `--scomoe-type`; `value` gives the value of
/// one of its options ("--ratio1").
Value exchange_table(const std::string& type,
                     const std::function<Value(const std::string& option)>& value);
MoeShape shape_of(const Value& settings, std::shared_ptr<Draws> draws);

/// Our figures `metrics` ("entropy", "overflow_first", ...) against the recorded `prefix`NAME.
void compare_figures(const Recording& recording, const std::string& prefix,
                     const std::map<std::string, double>& metrics, Findings& findings);

/// The recorded names of this rank's experts below `prefix` against ours below `ours`:
/// "experts.1.fc2.bias" -> "experts.5.second.bias".
std::map<std::string, std::string> expert_names(const Recording& recording,
                                                const std::string& prefix, const std::string& ours,
                                                int64_t first_expert);

/// The part "global", or else "node", of figures by part: what the predecessor logs of a layer.
std::map<std::string, double> last_part(const std::map<std::string, double>& metrics);

}  // namespace xp
