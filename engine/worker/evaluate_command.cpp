// One rank of an evaluation.
#include "engine/base/error.h"
#include "engine/worker/evaluated_model.h"
#include "registry/metric.h"
#include "results/runs/records.h"
#include "results/runs/sentences.h"
#include "results/runs/workspace.h"

#include <spdlog/spdlog.h>

#include <ctime>

namespace xp {
namespace {

double cpu_seconds_of_all(Group& world) {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  auto sum =
      torch::full({1}, static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec),
                  torch::kDouble);
  world.all_reduce_sum(sum);
  return sum.item<double>();
}

std::string lines(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts)
    out += text + "\n";
  return out;
}

// The mean over directions of each score of the first subset, under its plain name.
Value summary_of(const std::vector<SubsetScore>& scores, const std::string& first_subset) {
  Value out = Value::object();
  std::map<std::string, std::pair<double, int64_t>> sums;
  for (const auto& item : scores) {
    if (item.subset != first_subset) continue;
    sums[item.score.name].first += item.score.value;
    ++sums[item.score.name].second;
  }
  for (const auto& [name, sum] : sums)
    out[name] = sum.first / static_cast<double>(sum.second);
  return out;
}

/// What is scored.
struct Part {
  std::string subset;
  Direction direction;
};

// Adds the scores of one metric, and writes its counts by sentence if it has such.
void score(const fs::path& folder, const Part& part, const std::string& name,
           const Translations& texts, std::vector<SubsetScore>& scores) {
  const auto metric = make_part<Metric>({{"use", name}});
  const SentenceCounts counts = metric->sentence_counts(texts);
  const std::string direction = part.direction.name();
  if (counts.width > 0)
    write_sentence_counts(sentence_file(folder, part.subset, direction, name), counts);
  for (auto& one : counts.width > 0 ? metric->score_of(sums_of(counts)) : metric->score(texts))
    scores.push_back({part.subset, direction, std::move(one)});
}

}  // namespace

int evaluate_command(const WorkerArguments& arguments) {
  check_device(arguments.device);
  const double started_s = now_s();
  const Groups groups = join_groups(arguments);
  Group& world = *groups.world;
  const Value settings = load_run_settings(arguments);
  const PreparedCorpus corpus = open_corpus(arguments.corpus, settings.at("corpus"));
  const auto [eval, model, rule] = load_evaluated(arguments, settings, corpus, groups);

  const bool is_first = world.rank() == 0;
  std::optional<EventLog> events;
  if (is_first) events.emplace(arguments.folder / "attempts" / std::to_string(arguments.attempt));
  std::vector<SubsetScore> scores;
  for (const auto& subset : eval.subsets) {
    for (const auto& direction : corpus.directions()) {
      if (!has_sentences(corpus, subset, direction)) {
        if (is_first)
          spdlog::warn("{} has no subset '{}' and is not scored in it", direction.name(), subset);
        continue;
      }
      const auto tell = [&](int64_t done, int64_t total) {
        if (events) events->write("update", done, {{"sentences", done}, {"total", total}});
      };
      const auto hypotheses =
          translate_subset(*model, corpus, subset, direction, {rule}, world, tell);
      if (!is_first) continue;
      write_atomic(hypotheses_file(arguments.folder, subset, direction.name()), lines(hypotheses));
      const auto sources = corpus.text(subset, direction, Side::kSource);
      const auto references = corpus.references(subset, direction);
      const Translations texts{sources, hypotheses, references, direction.source, direction.target};
      for (const auto& name : eval.metrics)
        score(arguments.folder, {subset, direction}, name, texts, scores);
    }
  }
  const double cpu_seconds = cpu_seconds_of_all(world);
  if (!is_first) return 0;
  write_scores(arguments.folder, scores);
  Value summary = summary_of(scores, eval.subsets.front());
  summary["eval_seconds"] = now_s() - started_s;
  summary["eval_cpu_seconds"] = cpu_seconds;
  write_status(arguments.folder,
               {State::kDone, arguments.attempt, started_s, now_s(), "", summary});
  return 0;
}

}  // namespace xp
