// The step model at variants of a point.
#include "engine/plan/savings.h"

#include "engine/base/text.h"
#include "engine/plan/variant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace xp {
namespace {

struct Widest {
  const Point* point = nullptr;
  StepPrediction step;
};

// In the order of the points.
std::vector<std::pair<const Probe*, Widest>> widest_points(const Plan& plan, Probes& probes) {
  std::vector<std::pair<const Probe*, Widest>> out;
  for (const Point& point : plan.points) {
    const Probe* probe = probes.of(point.settings());
    if (probe == nullptr || point.assessment == nullptr) continue;
    const auto step = predict_step(point.assessment->figures, point.settings(), *probe);
    if (!step || !step->share || !step->least_share) continue;
    const auto known =
        std::find_if(out.begin(), out.end(), [&](const auto& one) { return one.first == probe; });
    if (known == out.end())
      out.push_back({probe, {&point, *step}});
    else if (*step->share > *known->second.step.share)
      known->second = {&point, *step};
  }
  return out;
}

// Of a share to two decimals, not below it.
double rounded_up(double share) {
  return std::ceil(100 * share - 1e-9) / 100;
}

// Nothing if it breaks a rule.
std::optional<StepPrediction> predicted(const Variant& variant, const Probe& probe) {
  const auto& breaches = variant.assessment->breaches;
  if (std::any_of(breaches.begin(), breaches.end(), [](auto& one) { return !one.is_note; }))
    return std::nullopt;
  return predict_step(variant.assessment->figures, variant.settings, probe);
}

/// A setting of an exchange that makes its global share smaller.
struct Smaller {
  std::string exchange, setting;
  double step_ms = 0;
};

std::vector<std::string> fractions_of(const Declaration& exchange) {
  std::vector<std::string> out;
  for (const Setting& setting : exchange.settings) {
    if (setting.type == Type::kNumber && setting.limit.low == 0 && setting.limit.high == 1)
      out.push_back(setting.name);
  }
  return out;
}

// The two quickest ways to a global share of `share`: one fraction of an exchange takes the rest,
// its other fractions are 0, and what it declares says whether that is what they are for.
std::vector<Smaller> smaller_shares(const Catalog& catalog, Variants& variants, const Point& point,
                                    double share, const Probe& probe) {
  constexpr size_t kShown = 2;
  constexpr double kNear = 1e-6;
  std::vector<Smaller> out;
  for (const auto& [name, exchange] : catalog.all()) {
    if (exchange.kind != "exchange") continue;
    const auto fractions = fractions_of(exchange);
    for (const auto& setting : fractions) {
      Value table = {{"use", exchange.name}};
      for (const auto& other : fractions)
        table[other] = other == setting ? 1 - share : 0.0;
      const Variant variant =
          variants.of(point.settings().whole(), {{"model.moe.exchange", std::move(table)}});
      const auto step = predicted(variant, probe);
      if (!step || !step->share || std::abs(*step->share - share) > kNear) continue;
      out.push_back({exchange.name, setting, step->step_ms()});
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Smaller& a, const Smaller& b) { return a.step_ms < b.step_ms; });
  out.resize(std::min(out.size(), kShown));
  return out;
}

bool may_pack(const Settings& settings) {
  return settings.value("launch.nodes", int64_t{1}) > 1 &&
         settings.value("launch.device", "") == "cpu" && !settings.value("launch.packing", false);
}

}  // namespace

std::vector<std::string> shares_that_pay(const Plan& plan, const Catalog& catalog,
                                         const Workspace& workspace,
                                         const CorpusFigures& corpus_figures) {
  Probes probes(workspace);
  Variants variants(catalog, corpus_figures);
  std::vector<std::string> out;
  for (const auto& [probe, widest] : widest_points(plan, probes)) {
    const double most = *widest.step.share, least = rounded_up(*widest.step.least_share);
    const std::string links =
        fmt::format("shares on {:.0f} Mbit/s between {} nodes",
                    8e-6 * with_links(*probe, widest.point->settings()).inter_node.bytes_per_s,
                    widest.point->settings().value("launch.nodes", int64_t{1}));
    if (least >= most) {
      out.push_back(fmt::format(
          "{}: none pays; with a global share of {:.2f} the links between nodes are not the bound",
          links, most));
      continue;
    }
    const auto better = smaller_shares(catalog, variants, *widest.point, least, *probe);
    if (better.empty()) continue;
    std::vector<std::string> words;
    for (const Smaller& one : better)
      words.push_back(fmt::format("{:.0f} ms by {} with {} = {:.2f}", one.step_ms, one.exchange,
                                  one.setting, 1 - least));
    out.push_back(fmt::format(
        "{}: they pay down to a global share of {:.2f} (gamma*); predicted is a step of {:.0f} ms "
        "with {:.2f}, {}",
        links, least, widest.step.step_ms(), most, join(words, ", ")));
  }
  return out;
}

std::string packing_that_pays(const Plan& plan, const Catalog& catalog, const Workspace& workspace,
                              const CorpusFigures& corpus_figures) {
  constexpr double kWorth = 0.02;  // of a step
  Probes probes(workspace);
  Variants variants(catalog, corpus_figures);
  // By what was assessed, the probe and the step as it is: seeds, say, change none of these.
  std::map<std::tuple<const Assessment*, const Probe*, double>, double> known;
  size_t count = 0;
  double least = 1, most = 0;
  for (const Point& point : plan.points) {
    const Settings& settings = point.settings();
    const Probe* probe = probes.of(settings);
    if (probe == nullptr || point.assessment == nullptr || !may_pack(settings)) continue;
    const auto step = predict_step(point.assessment->figures, settings, *probe);
    if (!step) continue;
    const auto [saved, is_new] =
        known.try_emplace({point.assessment.get(), probe, step->step_ms()}, 0.0);
    if (is_new) {
      const auto packed =
          predicted(variants.of(settings.whole(), {{"launch.packing", true}}), *probe);
      if (packed) saved->second = 1 - packed->step_ms() / step->step_ms();
    }
    if (saved->second < kWorth) continue;
    ++count;
    least = std::min(least, saved->second);
    most = std::max(most, saved->second);
  }
  if (count == 0) return "";
  const std::string range = fmt::format("{:.0f}", 100 * least),
                    end = fmt::format("{:.0f}", 100 * most);
  return fmt::format(
      "with [launch] packing = true, steps of {} point{} would be {} % shorter: a sixth less of "
      "fp32 crosses nodes, a third less of bf16, with the same results",
      count, count == 1 ? "" : "s", range == end ? end : range + " to " + end);
}

}  // namespace xp
