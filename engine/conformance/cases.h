// The kinds of recorded cases. Each runs one on this rank and writes down what differs.
#pragma once

#include "engine/comm/group.h"
#include "engine/conformance/recording.h"

namespace xp {

/// Gates alone (`top2`, `top1`): combine weights, balance loss, figures, gradients.
void run_gate_case(const Recording& recording, Findings& findings);

/// One MoE layer (`MOELayer`, `SCoMoELayer`). Collective.
void run_layer_case(const Recording& recording, const Groups& groups, Findings& findings);

/// A stack of MoE layers with token clustering, norms and residuals. Collective.
void run_stack_case(const Recording& recording, const Groups& groups, Findings& findings);

/// Criteria: label smoothing, and cross entropy with the balance loss.
void run_criterion_case(const Recording& recording, Findings& findings);

/// A whole model: logits, losses, gradients and three updates. Collective.
void run_model_case(const Recording& recording, const Groups& groups, Findings& findings);

}  // namespace xp
