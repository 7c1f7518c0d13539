// Runs, scores and corpora from the store and the run folders.
#include "results/report/report_input.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "registry/direction_groups.h"
#include "results/runs/decodings.h"
#include "results/runs/sentences.h"
#include "results/store/store.h"

#include <algorithm>

namespace xp {
namespace {

ReportState report_state(State state) {
  switch (state) {
    case State::kRunning:
      return ReportState::kRunning;
    case State::kDone:
      return ReportState::kDone;
    case State::kFailed:
      return ReportState::kFailed;
    default:
      return ReportState::kNotRun;
  }
}

ReportRun run_from(const Status& status) {
  ReportRun out{report_state(status.state), status.cause, status.summary};
  out.ended_s = status.ended_s;
  return out;
}

ReportRun run_from(const StoredRun& stored) {
  ReportRun out = run_from(stored.status);
  out.machine = stored.machine;
  if (stored.nodes > 0) out.layout = fmt::format("{}x{}", stored.nodes, stored.ranks_per_node);
  out.ranks = std::max<int64_t>(1, stored.nodes * stored.ranks_per_node);
  return out;
}

ReportRun run_in(const fs::path& folder) {
  try {
    const Status status = read_status(folder);
    if (status.state == State::kNew) return {};
    ReportRun out = run_from(status);
    if (status.state == State::kRunning && !is_held(folder)) out.state = ReportState::kStopped;
    return out;
  } catch (const Error& error) {
    return {ReportState::kDamaged, error.what(), Value::object()};
  }
}

}  // namespace

std::string_view state_name(ReportState state) {
  constexpr std::string_view kNames[] = {"done",    "not run", "stopped",
                                         "running", "damaged", "failed"};
  return kNames[static_cast<size_t>(state)];
}

const ReportRun* ReportInput::run(const ReportPoint& point, RunKind kind) const {
  if (!point.ids) return nullptr;
  const auto found = runs.find(point.ids->of(kind));
  return found == runs.end() ? nullptr : &found->second;
}

ReportState ReportInput::state(const ReportPoint& point) const {
  for (const RunKind kind : kRunKinds) {
    const ReportRun* run = this->run(point, kind);
    if (run == nullptr) return ReportState::kNotRun;
    if (run->state != ReportState::kDone) return run->state;
  }
  return ReportState::kDone;
}

std::map<std::string, ReportRun> report_runs(const Workspace& workspace, const Store& store,
                                             const std::vector<ReportPoint>& points) {
  std::vector<std::string> ids;
  for (const auto& point : points) {
    if (!point.ids) continue;
    for (const RunKind kind : kRunKinds)
      ids.push_back(point.ids->of(kind));
  }
  std::map<std::string, ReportRun> out;
  for (const auto& [id, run] : store.runs(ids))
    out.emplace(id, run_from(run));
  for (const auto& point : points) {
    if (!point.ids) continue;
    for (const RunKind kind : kRunKinds) {
      const std::string& id = point.ids->of(kind);
      if (!out.contains(id)) out.emplace(id, run_in(workspace.run(kind, id)));
    }
  }
  return out;
}

Measures report_measures(const Store& store, const std::vector<ReportPoint>& points,
                         const std::vector<Score>& expected) {
  std::vector<std::string> evaluations;
  for (const auto& point : points) {
    if (point.ids) evaluations.push_back(point.ids->evaluation);
  }
  std::vector<Score> scores = store.score_kinds(evaluations);
  // What the evaluations say counts; the others add labels, and scores still to come. To make a
  // plug-in's metric may cost minutes.
  std::vector<Score> samples = expected;
  for (const AnyEntry* entry : registered_entries()) {
    if (std::string_view(entry->kind) != Metric::kKind || entry->is_of_plugin) continue;
    for (const Score& sample : make_metric(entry->name, {})->sample())
      samples.push_back(sample);
  }
  for (const Score& sample : samples) {
    bool is_known = false;
    for (Score& score : scores) {
      if (score.name != sample.name) continue;
      is_known = true;
      if (score.label.empty()) score.label = sample.label;
    }
    if (!is_known) scores.push_back(sample);
  }
  return Measures(scores);
}

std::vector<ReportCorpus> report_corpora(const Workspace& workspace,
                                         const std::vector<std::string>& ids) {
  std::vector<ReportCorpus> out;
  for (const auto& id : ids) {
    const bool is_known =
        std::any_of(out.begin(), out.end(), [&](const auto& corpus) { return corpus.id == id; });
    if (is_known) continue;
    const auto bytes = read_if_there(workspace.corpus(id) / "stats.json");
    if (!bytes) continue;
    Value stats = Value::parse(*bytes, nullptr, /*allow_exceptions=*/false);
    if (stats.is_object()) out.push_back({id, std::move(stats)});
  }
  return out;
}

TranslatedTexts report_translations(const Workspace& workspace, const Store& store,
                                    const std::string& corpus,
                                    const std::vector<std::string>& evaluations) {
  std::string subset, direction;
  for (const auto& evaluation : evaluations) {
    const auto subsets = store.setting(evaluation, "eval.subsets");
    if (!subsets || !subsets->is_array() || subsets->empty()) continue;
    subset = subsets->front();
    const auto scores = store.scores(evaluation);
    const auto first = std::find_if(scores.begin(), scores.end(),
                                    [&](const SubsetScore& one) { return one.subset == subset; });
    if (first == scores.end()) continue;
    direction = first->direction;
    break;
  }
  if (direction.empty()) return {};
  // Behind the last line end there is nothing.
  const auto lines = [](const fs::path& file) {
    const auto bytes = read_if_there(file);
    auto out = bytes ? split(*bytes, '\n') : std::vector<std::string>{};
    if (!out.empty()) out.pop_back();
    return out;
  };
  const std::string stem = subset + "." + direction;
  TranslatedTexts out{direction,
                      lines(workspace.corpus(corpus) / (stem + ".source.txt")),
                      lines(workspace.corpus(corpus) / (stem + ".target.txt")),
                      {}};
  if (out.sources.empty() || out.sources.size() != out.references.size()) return {};
  for (const auto& evaluation : evaluations) {
    const fs::path file = hypotheses_file(workspace.evaluation(evaluation), subset, direction);
    out.hypotheses.push_back(
        read_translations(file, out.sources.size()).value_or(std::vector<std::string>{}));
  }
  const bool is_empty = std::all_of(out.hypotheses.begin(), out.hypotheses.end(),
                                    [](const auto& text) { return text.empty(); });
  return is_empty ? TranslatedTexts{} : out;
}

std::vector<SubsetScore> DirectionScores::scores(const std::string& evaluation,
                                                 const std::string& column) const {
  const auto subsets = store_.setting(evaluation, "eval.subsets");
  if (!subsets || !subsets->is_array() || subsets->empty()) return {};
  const auto [name, group] = grouped_score(column);
  const auto directions = directions_of_group(group, groups_);
  std::vector<SubsetScore> out;
  for (auto& one : store_.scores(evaluation)) {
    const bool is_meant = group.empty() || (directions && is_in_group(*directions, one.direction));
    if (subsets->front() == one.subset && one.score.name == name && is_meant)
      out.push_back(std::move(one));
  }
  return out;
}

std::optional<double> DirectionScores::mean(const std::string& evaluation,
                                            const std::string& column) const {
  const auto all = scores(evaluation, column);
  if (all.empty()) return std::nullopt;
  double sum = 0;
  for (const auto& one : all)
    sum += one.score.value;
  return sum / static_cast<double>(all.size());
}

std::vector<SentenceCounts> DirectionScores::sentences(const std::string& evaluation,
                                                       const std::string& column) const {
  std::vector<SentenceCounts> out;
  for (const auto& [subset, direction, score] : scores(evaluation, column)) {
    out.push_back(read_sentence_counts(
        sentence_file(workspace_.evaluation(evaluation), subset, direction, score.name)));
    if (out.back().width == 0) return {};
  }
  return out;
}

void add_groups(const DirectionScores& scores, const std::vector<std::string>& columns,
                ReportInput& input) {
  for (const auto& column : columns) {
    if (grouped_score(column).group.empty()) continue;
    for (const auto& point : input.points) {
      const auto run = point.ids ? input.runs.find(point.ids->evaluation) : input.runs.end();
      if (run == input.runs.end() || run->second.summary.contains(column)) continue;
      if (const auto mean = scores.mean(run->first, column)) run->second.summary[column] = *mean;
    }
  }
}

}  // namespace xp
