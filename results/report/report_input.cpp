// Runs, scores and corpora from the store and the run folders.
#include "results/report/report_input.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "results/runs/sentences.h"
#include "results/store/store.h"

#include <algorithm>

namespace xp {
namespace {

ReportRun run_from(const Status& status) {
  ReportRun out{std::string(state_name(status.state)), status.cause, status.summary};
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
    if (status.state == State::kRunning && !is_held(folder)) out.state = "stopped";
    return out;
  } catch (const Error& error) {
    return {"damaged", error.what(), Value::object()};
  }
}

}  // namespace

const ReportRun* ReportInput::run(const ReportPoint& point, RunKind kind) const {
  if (!point.ids) return nullptr;
  const auto found = runs.find(point.ids->of(kind));
  return found == runs.end() ? nullptr : &found->second;
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

Measures report_measures(const Store& store, const std::vector<ReportPoint>& points) {
  std::vector<std::string> evaluations;
  for (const auto& point : points) {
    if (point.ids) evaluations.push_back(point.ids->evaluation);
  }
  std::vector<Score> scores = store.score_kinds(evaluations);
  // What the evaluations say counts; this tree's metrics add labels, and scores still to come. To
  // make a plug-in's metric may cost minutes.
  for (const AnyEntry* entry : registered_entries()) {
    if (std::string_view(entry->kind) != Metric::kKind || entry->is_of_plugin) continue;
    for (const Score& sample : sample_scores(*make_part<Metric>({{"use", entry->name}}))) {
      bool is_stored = false;
      for (Score& score : scores) {
        if (score.name != sample.name) continue;
        is_stored = true;
        if (score.label.empty()) score.label = sample.label;
      }
      if (!is_stored) scores.push_back(sample);
    }
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

std::vector<TranslatedSentence> report_translations(const Workspace& workspace, const Store& store,
                                                    const std::string& corpus,
                                                    const std::vector<std::string>& evaluations,
                                                    size_t count) {
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
  const auto lines = [](const fs::path& file) {
    const auto bytes = read_if_there(file);
    return bytes ? split(*bytes, '\n') : std::vector<std::string>{};
  };
  const std::string stem = subset + "." + direction;
  const auto sources = lines(workspace.corpus(corpus) / (stem + ".source.txt"));
  const auto references = lines(workspace.corpus(corpus) / (stem + ".target.txt"));
  // Behind the last line end there is nothing.
  const size_t size = std::min(sources.size(), references.size());
  if (size < 2) return {};
  std::vector<std::vector<std::string>> texts;
  for (const auto& evaluation : evaluations) {
    texts.push_back(lines(hypotheses_file(workspace.evaluation(evaluation), subset, direction)));
    if (texts.back().size() != size) texts.back().clear();  // of another text, or cut off
  }
  if (std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); }))
    return {};
  std::vector<TranslatedSentence> out;
  const size_t shown = std::min(count, size - 1);
  for (size_t i = 0; i < shown; ++i) {
    const size_t at = i * (size - 1) / shown;
    TranslatedSentence& one = out.emplace_back();
    one = {direction, static_cast<int64_t>(at) + 1, sources[at], references[at], {}};
    for (size_t k = 0; k < evaluations.size(); ++k)
      one.hypotheses.emplace_back(evaluations[k], texts[k].empty() ? "" : texts[k][at]);
  }
  return out;
}

std::vector<SentenceCounts> report_sentences(const Workspace& workspace, const Store& store,
                                             const std::string& evaluation,
                                             const std::string& metric) {
  std::vector<SentenceCounts> out;
  const auto subsets = store.setting(evaluation, "eval.subsets");
  if (!subsets || !subsets->is_array() || subsets->empty()) return out;
  for (const auto& [subset, direction, score] : store.scores(evaluation)) {
    if (subsets->front() != subset || score.name != metric) continue;
    out.push_back(read_sentence_counts(
        sentence_file(workspace.evaluation(evaluation), subset, direction, metric)));
    if (out.back().width == 0) return {};
  }
  return out;
}

}  // namespace xp
