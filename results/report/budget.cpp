// Spending over updates, and figures between two measurements.
#include "results/report/budget.h"

#include "engine/base/error.h"
#include "engine/base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace xp {
namespace {

constexpr const char* kTotalBytes = "total_inter_node_bytes";
constexpr double kSecondsPerHour = 3600;

// Where the piecewise straight line through `points` has the height `y`; y must not fall.
std::optional<double> place_of(const Series& points, double y) {
  double x0 = 0, y0 = 0;
  for (const auto& [step, value] : points) {
    const auto x1 = static_cast<double>(step);
    if (!std::isfinite(value)) continue;
    if (value >= y) return value == y0 ? x1 : x0 + (x1 - x0) * (y - y0) / (value - y0);
    x0 = x1;
    y0 = value;
  }
  return std::nullopt;
}

std::optional<double> height_at(const Series& points, double x) {
  const std::pair<int64_t, double>* before = nullptr;
  for (const auto& point : points) {
    if (!std::isfinite(point.second)) continue;
    const auto step = static_cast<double>(point.first);
    if (step == x) return point.second;
    if (step > x) {
      if (before == nullptr) return std::nullopt;
      const auto first = static_cast<double>(before->first);
      return before->second + (point.second - before->second) * (x - first) / (step - first);
    }
    before = &point;
  }
  return std::nullopt;
}

double summary_of(const ReportRun& run, const char* name) {
  const auto found = run.summary.find(name);
  return found == run.summary.end() || !found->is_number() ? 0 : found->get<double>();
}

// The update, with a fraction, at which the training had spent the budget.
std::optional<double> update_at(const Budget& budget, const ReportInput& input,
                                const std::string& training) {
  const auto found = input.runs.find(training);
  if (found == input.runs.end()) return std::nullopt;
  const ReportRun& run = found->second;
  if (budget.kind == "updates") return budget.value;
  if (budget.kind == "tokens") return place_of(input.series(training, "tokens"), budget.value);
  if (budget.kind == kTotalBytes) {
    const double each =
        summary_of(run, "inter_node_bytes") + summary_of(run, "gradient_inter_node_bytes");
    return each > 0 ? std::optional(budget.value / each) : std::nullopt;
  }
  const double devices =
      budget.kind == "device_hours" ? std::max(1.0, static_cast<double>(run.ranks)) : 1;
  return place_of(input.series(training, "seconds"), budget.value * kSecondsPerHour / devices);
}

}  // namespace

const std::vector<std::string>& budget_kinds() {
  static const std::vector<std::string> kinds = {"updates", "tokens", "hours", kTotalBytes,
                                                 "device_hours"};
  return kinds;
}

Budget parse_budget(const std::string& text) {
  const size_t equals = text.find('=');
  Budget out;
  out.kind = text.substr(0, equals);
  if (std::find(budget_kinds().begin(), budget_kinds().end(), out.kind) == budget_kinds().end())
    user_error("{}", unknown_name("budget for --at", out.kind, budget_kinds()));
  const std::string number = equals == std::string::npos ? "" : text.substr(equals + 1);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), out.value);
  const std::string_view suffix(end, static_cast<size_t>(number.data() + number.size() - end));
  constexpr std::string_view kSuffixes = "kMGT";
  const size_t power = suffix.size() == 1 ? kSuffixes.find(suffix) : std::string_view::npos;
  const bool known = suffix.empty() || power != std::string_view::npos;
  if (error != std::errc() || !known || !(out.value > 0) || !std::isfinite(out.value)) {
    user_error("'{}' in --at must be {}=NUMBER above 0, such as {}=2000 or {}=1.5k", text, out.kind,
               out.kind, out.kind);
  }
  if (!suffix.empty()) out.value *= std::pow(1000.0, static_cast<double>(power + 1));
  out.text = text;
  return out;
}

std::string series_name(const Measure& measure) {
  const bool is_score = measure.of_evaluation && !measure.is_relative;
  if (is_score) return std::string(kValidation) + measure.key;
  return measure.key == "train_loss" ? "loss" : measure.key;
}

std::optional<double> value_at(const Budget& budget, const ReportInput& input,
                               const ReportPoint& point, const std::string& metric) {
  if (!input.series || !point.ids) return std::nullopt;
  const auto update = update_at(budget, input, point.ids->training);
  return update ? height_at(input.series(point.ids->training, metric), *update) : std::nullopt;
}

}  // namespace xp
