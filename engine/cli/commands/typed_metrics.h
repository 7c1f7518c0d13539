// The metrics that `xp score` and `xp compare` score with: as the runs' experiments have them, with
// what is typed.
#pragma once

#include "engine/cli/points/run_folder.h"
#include "registry/metric.h"

#include <memory>
#include <string>
#include <vector>

namespace xp {

/// [eval.metric] of the runs; of two that have a table of one name, the first one counts.
Value metric_tables_of(const std::vector<RunFolder>& runs);

/// Applies "NAME.KEY=VALUE" to tables of that form. Raises a usage error if one has another form.
void set_metric_settings(const std::vector<std::string>& sets, Value& tables);

/// The metric `name`. Raises kUser if a table has a setting that its component lacks or that does
/// not fit, and kUser or kMachine if it cannot be computed here.
std::unique_ptr<Metric> typed_metric(const std::string& name, const Value& tables);

}  // namespace xp
