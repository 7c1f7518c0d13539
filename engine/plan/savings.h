// What smaller shares of an exchange, and packing, would save on the machines that were probed.
#pragma once

#include "engine/plan/plan.h"
#include "engine/plan/step_model.h"

#include <string>
#include <vector>

namespace xp {

/// For each probe that points of the plan have, one sentence about the point that sends the largest
/// share of its rows to any node: down to which share less pays (gamma*), and what the step would
/// be with that share, by the quickest exchanges that have shares. Nothing about layouts of one
/// node and models without experts.
std::vector<std::string> shares_that_pay(const Plan& plan, const Catalog& catalog,
                                         const Workspace& workspace,
                                         const CorpusFigures& corpus_figures = {});

/// A sentence if `[launch] packing` would make predicted steps shorter by 2 % or more: of how many
/// points, done or not, and by how much; else "". Only points with a probe and device = "cpu"
/// count.
std::string packing_that_pays(const Plan& plan, const Catalog& catalog, const Workspace& workspace,
                              const CorpusFigures& corpus_figures = {});

}  // namespace xp
