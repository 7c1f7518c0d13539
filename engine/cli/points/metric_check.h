// Whether this machine can compute the metrics of an experiment, asked before anything is trained.
#pragma once

#include "engine/cli/points/experiment.h"

namespace xp {

/// Adds a problem for each metric of a point that is not done and which this machine cannot
/// compute: a program or a model file that is missing. Those of plug-ins are not asked, since to
/// make one may cost minutes.
void check_metrics(const Experiment& experiment, Problems& problems);

}  // namespace xp
