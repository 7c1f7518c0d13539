// The step model at two variants of a point.
#include "engine/plan/shares.h"

#include "engine/plan/variant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

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
double rounded_up(double share) { return std::ceil(100 * share - 1e-9) / 100; }

}  // namespace

std::vector<std::string> shares_that_pay(const Plan& plan, const Catalog& catalog,
                                         const Workspace& workspace,
                                         const CorpusFigures& corpus_figures) {
  Probes probes(workspace);
  Variants variants(catalog, corpus_figures);
  std::vector<std::string> out;
  for (const auto& [probe, widest] : widest_points(plan, probes)) {
    const double most = *widest.step.share, least = rounded_up(*widest.step.least_share);
    const std::string links = fmt::format(
        "shares on {:.0f} Mbit/s between {} nodes", 8e-6 * probe->inter_node.bytes_per_s,
        widest.point->settings().value("launch.nodes", int64_t{1}));
    if (least >= most) {
      out.push_back(fmt::format(
          "{}: none pays; with a global share of {:.2f} the links between nodes are not the bound",
          links, most));
      continue;
    }
    std::vector<std::string> words;
    for (const char* name : {"alpha", "beta"}) {
      Value exchange = {{"use", "scomoe-seq"}, {"first", "same"}, {"alpha", 0.0}, {"beta", 0.0}};
      exchange[name] = 1 - least;
      const Variant variant = variants.of(widest.point->settings().whole(),
                                          {{"model.moe.exchange", std::move(exchange)}});
      const auto step = predict_step(variant.assessment->figures, variant.settings, *probe);
      if (!step) continue;
      words.push_back(fmt::format("{} = {:.2f} in {:.0f} ms", name, 1 - least, step->step_ms()));
    }
    if (words.size() < 2) continue;
    out.push_back(fmt::format(
        "{}: they pay down to a global share of {:.2f} (gamma*); predicted is a step of {:.0f} ms "
        "with {:.2f}, and of scomoe-seq with {} or {}",
        links, least, widest.step.step_ms(), most, words[0], words[1]));
  }
  return out;
}

}  // namespace xp
