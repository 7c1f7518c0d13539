// One rank of an evaluation.
#include "engine/base/cpu.h"
#include "engine/base/error.h"
#include "engine/worker/evaluated_model.h"
#include "registry/metric.h"
#include "results/runs/attempts.h"
#include "results/runs/decodings.h"
#include "results/runs/records.h"
#include "results/runs/sentences.h"
#include "results/runs/workspace.h"

#include <spdlog/spdlog.h>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

// Collective.
double sum_of_all(Group& world, double own) {
  auto sum = torch::full({1}, own, torch::kDouble);
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

/// What is translated and scored.
struct Part {
  std::string subset;
  Direction direction;
};

std::vector<Part> parts_of(const EvalSection& eval, const PreparedCorpus& corpus, bool warns) {
  std::vector<Part> out;
  for (const auto& subset : eval.subsets) {
    for (const auto& direction : corpus.directions()) {
      if (has_sentences(corpus, subset, direction)) {
        out.push_back({subset, direction});
      } else if (warns) {
        spdlog::warn("{} has no subset '{}' and is not scored in it", direction.name(), subset);
      }
    }
  }
  return out;
}

/// The translations of the parts: of earlier evaluations that decoded alike, else of the model,
/// which is loaded for the first part that needs it.
class Translator {
 public:
  Translator(const WorkerArguments& arguments, const Value& settings, const PreparedCorpus& corpus,
             const Groups& groups, EventLog* events)
      : arguments_(arguments),
        settings_(settings),
        corpus_(corpus),
        groups_(groups),
        events_(events) {
    if (events_ != nullptr) earlier_ = noted_decodings(arguments.training, decoding_key(settings));
  }

  /// Collective. Only the first rank's result counts, and its is written to the evaluation's
  /// folder.
  Texts translate(const Part& part) {
    Group& world = *groups_.world;
    std::optional<Texts> known = is_first() ? earlier_translations(part) : std::nullopt;
    const bool is_known = sum_of_all(world, known ? 1 : 0) > 0;
    ++(is_known ? num_known_ : num_decoded_);
    Texts out = is_known ? std::move(known).value_or(Texts{}) : decoded(part);
    if (is_first())
      write_atomic(hypotheses_file(arguments_.folder, part.subset, part.direction.name()),
                   lines(out));
    return out;
  }

  /// The share of each layer's rows that came to each of its experts, by "decoder.1, en-fr"; of the
  /// first subset of each direction. Empty without experts, or with one direction only.
  Value loads_by_direction() const {
    if (has_decoded_none() && !taken_from_.empty()) return earlier_loads();
    Value out = Value::object();
    for (const auto& [direction, loads] : loads_) {
      for (const auto& [layer, shares] : loads)
        if (loads_.size() > 1) out[fmt::format("{}, {}", layer, direction)] = shares;
    }
    return out;
  }

  bool has_decoded_all() const { return num_known_ == 0; }
  bool has_decoded_none() const { return num_decoded_ == 0; }
  /// The evaluation whose translations were taken last; empty: none.
  const fs::path& taken_from() const { return taken_from_; }

 private:
  bool is_first() const { return groups_.world->rank() == 0; }

  std::optional<Texts> earlier_translations(const Part& part) {
    const size_t count = corpus_.tokens(part.subset, part.direction, Side::kSource).size();
    for (const auto& folder : earlier_) {
      auto found =
          read_translations(hypotheses_file(folder, part.subset, part.direction.name()), count);
      if (!found) continue;
      if (taken_from_ != folder)
        spdlog::info("scoring the translations of evaluation {}, which decoded alike",
                     folder.filename().string());
      taken_from_ = folder;
      return found;
    }
    return std::nullopt;
  }

  Value earlier_loads() const {
    size_t offset = 0;
    for (const auto& event :
         read_events(attempt_folder(taken_from_, last_attempt(taken_from_)), offset))
      if (event.event == "load") return event.values;
    return Value::object();
  }

  Texts decoded(const Part& part) {
    if (!model_) model_ = load_evaluated(arguments_, settings_, corpus_, groups_);
    const auto tell = [&](int64_t done, int64_t total) {
      if (events_ != nullptr)
        events_->write("update", done, {{"sentences", done}, {"total", total}});
    };
    TranslationModel& model = *model_->model;
    Texts out = translate_subset(model, corpus_, part.subset, part.direction, {model_->rule},
                                 *groups_.world, tell);
    loads_.try_emplace(part.direction.name(), model.take_loads());
    return out;
  }

  const WorkerArguments& arguments_;
  const Value& settings_;
  const PreparedCorpus& corpus_;
  const Groups& groups_;
  EventLog* events_;  // of the first rank, else nullptr
  std::vector<fs::path> earlier_;
  fs::path taken_from_;
  std::optional<EvaluatedModel> model_;
  std::map<std::string, ExpertLoads> loads_;  // by direction
  int num_known_ = 0, num_decoded_ = 0;
};

// Adds the scores of all metrics of one part, and writes their counts by sentence.
void score(const fs::path& folder, const EvalSection& eval, const PreparedCorpus& corpus,
           const Part& part, const Texts& hypotheses, std::vector<SubsetScore>& scores) {
  const auto sources = corpus.text(part.subset, part.direction, Side::kSource);
  const auto references = corpus.references(part.subset, part.direction);
  Translations texts{sources, hypotheses, references, part.direction.source, part.direction.target};
  texts.cache = workspace_of(folder).scores();
  const std::string direction = part.direction.name();
  for (const auto& name : eval.metrics) {
    const auto metric = make_metric(name, eval.metric);
    const SentenceCounts counts = metric->sentence_counts(texts);
    if (counts.width > 0)
      write_sentence_counts(sentence_file(folder, part.subset, direction, name), counts);
    for (auto& one : counts.width > 0 ? metric->score_of(sums_of(counts)) : metric->score(texts))
      scores.push_back({part.subset, direction, std::move(one)});
  }
}

// Times are those of the decoding, whichever evaluation did it; none if several did.
void add_times(const Translator& translator, double seconds, double cpu_seconds, Value& summary) {
  if (translator.has_decoded_all()) {
    summary["eval_seconds"] = seconds;
    summary["eval_cpu_seconds"] = cpu_seconds;
  } else if (translator.has_decoded_none()) {
    const Value earlier = read_status(translator.taken_from()).summary;
    for (const char* key : {"eval_seconds", "eval_cpu_seconds"})
      if (earlier.contains(key)) summary[key] = earlier[key];
  }
}

}  // namespace

int evaluate_command(const WorkerArguments& arguments) {
  const double started_s = now_s();
  const Groups groups = join_groups(arguments);
  Group& world = *groups.world;
  const Value settings = load_run_settings(arguments);
  const PreparedCorpus corpus = open_corpus(arguments.corpus, settings.at("corpus"));
  const auto eval = bind_settings<EvalSection>(settings.at("eval"));
  const bool is_first = world.rank() == 0;
  std::optional<EventLog> events;
  if (is_first) events.emplace(attempt_folder(arguments.folder, arguments.attempt));
  const auto parts = parts_of(eval, corpus, is_first);
  Translator translator(arguments, settings, corpus, groups, events ? &*events : nullptr);
  std::vector<Texts> hypotheses;
  for (const auto& part : parts)
    hypotheses.push_back(translator.translate(part));
  if (const Value loads = translator.loads_by_direction(); events && !loads.empty())
    events->write("load", 0, loads);
  const double own_before = own_cpu_seconds();
  const double all_before = sum_of_all(world, own_before);
  // What follows may take an hour if a program scores, longer than other ranks would wait.
  if (!is_first) return 0;
  // Whatever becomes of the scores, nobody has to decode again.
  note_decoding(arguments.training, decoding_key(settings), arguments.folder.filename().string(),
                now_s());
  std::vector<SubsetScore> scores;
  for (size_t i = 0; i < parts.size(); ++i)
    score(arguments.folder, eval, corpus, parts[i], hypotheses[i], scores);
  write_scores(arguments.folder, scores);
  Value summary = summary_of(scores, eval.subsets.front());
  add_times(translator, now_s() - started_s, all_before + own_cpu_seconds() - own_before, summary);
  write_status(arguments.folder,
               {State::kDone, arguments.attempt, started_s, now_s(), "", summary});
  return 0;
}

}  // namespace xp
