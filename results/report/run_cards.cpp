// Points to cards.
#include "results/report/run_cards.h"

#include "engine/base/shell.h"
#include "engine/base/text.h"
#include "results/store/store.h"

namespace xp {
namespace {

using Facts = std::vector<std::pair<std::string, std::string>>;

std::string with_unit(double value, const std::string& unit) {
  return fmt::format("{:.6g}{}", value, unit.empty() ? "" : " " + unit);
}

void add_results(const ReportInput& input, const ReportRun& run, Facts& out) {
  if (!run.cause.empty()) out.emplace_back("cause", run.cause);
  for (const auto& [name, value] : run.summary.items()) {
    if (value.is_number())
      out.emplace_back(name, with_unit(value.get<double>(), input.measures.of(name).unit));
  }
}

// Settings of one stage; an evaluation repeats those of its training.
void add_settings(const ReportInput& input, const Store& store, const std::string& id,
                  const std::string& beginning, Facts& out) {
  for (const auto& [path, text] : store.settings(id)) {
    if (path.starts_with("eval.") != (beginning == "eval.")) continue;
    const std::string unit = input.unit_of ? input.unit_of(path) : "";
    out.emplace_back(path, unit.empty() ? text : text + " " + unit);
  }
}

RunCard card_of(const ReportInput& input, const ReportPoint& point, const Store& store) {
  RunCard out;
  out.state = state_name(input.state(point));
  RunCard::Group results{"Results", {}}, settings{"Settings", {}}, origin{"Origin", {}};
  for (const RunKind kind : kRunKinds) {
    if (const ReportRun* run = input.run(point, kind)) add_results(input, *run, results.facts);
  }
  for (const auto& [name, value] : point.predicted) {
    results.facts.emplace_back("predicted " + name, with_unit(value, input.measures.of(name).unit));
  }
  std::string command = "xp run " + input.words;
  for (const auto& [path, value] : point.axes)
    command += " --set " + shell_quoted(path + "=" + text_of(value));
  origin.facts.emplace_back("made by", command);
  if (point.ids) {
    add_settings(input, store, point.ids->training, "", settings.facts);
    add_settings(input, store, point.ids->evaluation, "eval.", settings.facts);
    for (const RunKind kind : kRunKinds)
      origin.facts.emplace_back(kind_name(kind), point.ids->of(kind));
    for (const auto& [path, value] : store.provenance(point.ids->training))
      origin.facts.emplace_back(path == "command" ? "was started by" : path, value);
  }
  for (auto* group : {&results, &settings, &origin}) {
    if (!group->facts.empty()) out.groups.push_back(std::move(*group));
  }
  return out;
}

}  // namespace

std::vector<RunCard> run_cards(const ReportInput& input, const ReportRows& rows,
                               const Store& store) {
  const auto names = short_names(axes_of(input.points));
  std::map<const ReportPoint*, size_t> row_of;
  for (size_t row = 0; row < rows.rows.size(); ++row) {
    for (const auto& points : rows.rows[row].points) {
      for (const ReportPoint* point : points)
        row_of[point] = row;
    }
  }
  std::vector<RunCard> out;
  for (const ReportPoint* point : rows.points) {
    RunCard& card = out.emplace_back(card_of(input, *point, store));
    std::vector<std::string> words;
    for (const auto& [path, value] : point->axes)
      words.push_back(names.at(path) + " " + text_of(value));
    card.name = words.empty() ? input.name : join(words, ", ");
    card.row = full_row_name(rows, row_of.at(point));
  }
  return out;
}

}  // namespace xp
