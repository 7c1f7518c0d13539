// One finding for each rule and place, however many points break it.
#include "engine/plan/rules.h"

#include <algorithm>

namespace xp {

void BreachList::take(const Assessment& assessment, const std::string& name, size_t number) {
  for (const auto& breach : assessment.breaches) {
    const bool is_certain =
        std::none_of(breach.paths.begin(), breach.paths.end(),
                     [this](const std::string& path) { return spec_.is_doubtful(path); });
    if (!is_certain) continue;
    const Place place = spec_.place_of(breach.paths);
    const auto same = [&](const Finding& f) {
      return f.code == breach.code && f.place.file == place.file && f.place.line == place.line &&
             f.place.column == place.column;
    };
    const auto known = std::find_if(findings_.begin(), findings_.end(), same);
    if (known != findings_.end()) {
      ++known->count;
    } else {
      findings_.push_back({place, breach.code, breach.message, name, number, 1, breach.is_note});
    }
  }
}

std::vector<std::string> BreachList::report(size_t points, Problems& problems) const {
  std::vector<std::string> notes;
  for (const auto& finding : findings_) {
    std::string text = finding.message;
    if (points > 1) {
      text += fmt::format(", at point {} of {} ({})", finding.number, points, finding.name);
      if (finding.count > 1) text += fmt::format(" and {} more", finding.count - 1);
    }
    if (finding.is_note) {
      notes.push_back(std::move(text));
    } else {
      problems.add(finding.place, finding.code, std::move(text));
    }
  }
  return notes;
}

}  // namespace xp
