// Comparison at an equal budget: what runs had reached when each had spent as much.
#pragma once

#include "results/report/report.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// "updates", "tokens", "hours", "total_inter_node_bytes", "device_hours".
const std::vector<std::string>& budget_kinds();

/// "tokens=2M" -> 2e6 tokens, of one of budget_kinds(). Suffixes k, M, G, T are powers of 1000.
/// Raises kUser.
Budget parse_budget(const std::string& text);

/// The series that shows how `measure` grew: "valid_bleu" for the score "bleu", "loss" for
/// "train_loss"; others are series of their own name.
std::string series_name(const Measure& measure);

/// The value of `metric` (a series) when the training of `point` had spent `budget`, interpolated
/// between the two measurements around it. Nothing if it had not spent so much, or before the
/// first measurement. Hours are of the training, validations included; total inter-node bytes are
/// those of exchanges and of gradients, unlike the measure inter_node_bytes of exchanges alone.
std::optional<double> value_at(const Budget& budget, const ReportInput& input,
                               const ReportPoint& point, const std::string& metric);

}  // namespace xp
