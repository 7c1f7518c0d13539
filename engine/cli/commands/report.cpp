// `xp report`: folds finished folders into the store and prints the comparison.
#include "engine/cli/commands/report.h"

#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/commands/report_files.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/candidates.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/terminal/colour.h"
#include "engine/data/prepared_corpus.h"
#include "engine/plan/outlook.h"
#include "engine/plan/savings.h"
#include "registry/exchange_traits.h"
#include "results/report/budget.h"
#include "results/report/effects.h"
#include "results/report/pareto.h"
#include "results/report/report.h"
#include "results/report/report_details.h"
#include "results/report/step_times.h"
#include "results/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace xp {
namespace {

constexpr const char* kSentenceMetric = "chrf";  // as in `xp compare`

std::vector<ReportPoint> report_points(const Plan& plan) {
  std::vector<ReportPoint> out;
  for (const auto& point : plan.points) {
    ReportPoint& one = out.emplace_back();
    one.axes = point.axes;
    if (point.ids) one.ids = {point.ids->training, point.ids->evaluation};
    const Value* seed = find_path(point.settings(), "train.seed");
    if (seed != nullptr) one.seed = *seed;
    if (point.assessment) one.predicted = point.assessment->figures;
  }
  return out;
}

// The ids of a plan's corpora in its order, those that are known.
std::vector<std::string> corpus_ids(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& point : plan.points) {
    if (!point.ids) continue;
    if (out.empty() || out.back() != point.ids->corpus) out.push_back(point.ids->corpus);
  }
  return out;
}

// Whether predicted step times are shown; they need the plans of all experiments.
bool shows_forecast(const ReportSection& section, const ReportOptions& options) {
  if (options.parts) return true;
  const auto& columns = section.columns;
  const auto& files = section.files;
  return section.format == "html" ||
         std::any_of(files.begin(), files.end(),
                     [](const std::string& file) { return file.ends_with(".html"); }) ||
         std::any_of(columns.begin(), columns.end(), [](const std::string& column) {
           return column == "step_ms_vs_predicted" ||
                  (column.starts_with(kPredicted) && column.ends_with("_ms"));
         });
}

void predict_steps(const Plan& plan, const Workspace& workspace, const Store& store,
                   ReportInput& input) {
  const auto forecast = step_forecast(plan, workspace, [&](const std::string& id) {
    const auto run = store.run(id);
    const bool is_done = run && run->status.state == State::kDone;
    if (!is_done || !run->status.summary.contains("step_ms")) return std::optional<Pace>();
    return std::optional<Pace>({run->machine, run->status.summary["step_ms"].get<double>()});
  });
  for (size_t i = 0; i < forecast.size(); ++i) {
    auto& predicted = input.points[i].predicted;
    if (forecast[i].step_ms) predicted["step_ms"] = *forecast[i].step_ms;
    const auto& parts = forecast[i].parts;
    if (!parts) continue;
    predicted["compute_ms"] = parts->compute_ms;
    predicted["in_node_ms"] = parts->in_node_ms;
    predicted["inter_node_ms"] = parts->inter_node_ms;
    predicted["exposed_ms"] = parts->exposed_ms;
  }
}

/// The settings behind the points of `input`, which are those of the plan in its order.
class PointSettings {
 public:
  PointSettings(const Experiment& experiment, const ReportInput& input)
      : experiment_(experiment), input_(input) {}

  Value at(const ReportPoint& point, const std::string& path) const {
    const auto place = static_cast<size_t>(&point - input_.points.data());
    const Value* found = find_path(experiment_.plan.points[place].settings(), path);
    return found == nullptr ? Value() : *found;
  }

  std::function<bool(const ReportPoint&)> test(const std::optional<Condition>& condition) const {
    if (!condition) return {};
    return [this, &condition](const ReportPoint& point) {
      try {
        return condition->expression.holds(
            [&](size_t name) { return at(point, condition->paths.at(name)); });
      } catch (const ExpressionError& error) {
        user_error("in [report]: {}", error.what());
      }
    };
  }

 private:
  const Experiment& experiment_;
  const ReportInput& input_;
};

// "gettext, en-fr"; "" if points have different corpora.
std::string corpus_name(const PointSettings& settings, const std::vector<ReportPoint>& points) {
  std::string out;
  for (const auto& point : points) {
    std::string name = settings.at(point, "corpus.use").get<std::string>();
    for (const Value& pair : settings.at(point, "corpus.pairs"))
      name += ", " + pair.get<std::string>();
    if (!out.empty() && out != name) return "";
    out = name;
  }
  return out;
}

// Without pieces if the corpus cannot be read: sentences are then not sorted by rare words.
TranslatedTexts page_texts(const Workspace& workspace, const Store& store,
                           const std::string& corpus, const std::vector<std::string>& evaluations) {
  TranslatedTexts out = report_translations(workspace, store, corpus, evaluations);
  if (out.sources.empty()) return out;
  try {
    const auto subsets = store.setting(evaluations.front(), "eval.subsets");
    const PreparedCorpus prepared = open_corpus(workspace.corpus(corpus));
    out.num_pieces =
        prepared.tokens(subsets->front(), parse_direction(out.direction), Side::kSource).lengths();
  } catch (const Error&) {
  }
  if (out.num_pieces.size() != out.sources.size()) out.num_pieces.clear();
  return out;
}

ReportSection report_section(const Experiment& experiment, const ReportOptions& options) {
  auto section = bind_settings<ReportSection>(experiment.spec.report);
  if (options.json) section.format = "json";
  if (!options.output.empty()) section.format = format_of(options.output);
  if (!options.format.empty()) section.format = options.format;
  return section;
}

/// The metrics of an experiment's points, each made once.
class PointMetrics {
 public:
  PointMetrics(const PointSettings& settings, const ReportInput& input) {
    for (const auto& point : input.points) {
      const Value tables = settings.at(point, "eval.metric");
      if (!tables.is_object() || tables.empty()) continue;
      const Value& kept = distinct_.try_emplace(canonical_text(tables), tables).first->second;
      if (point.ids) tables_[point.ids->evaluation] = &kept;
      for (const auto& [name, table] : tables.items())
        if (table.contains("use")) own_.try_emplace(name, &kept);
    }
  }

  /// Those with names of their own.
  std::set<std::string> own_names() const {
    std::set<std::string> out;
    for (const auto& [name, tables] : own_)
      out.insert(name);
    return out;
  }
  std::vector<Score> own_samples() const {
    std::vector<Score> out;
    for (const auto& [name, tables] : own_) {
      if (find_entry(Metric::kKind, tables->at(name)["use"]).is_of_plugin) continue;
      for (auto& score : make_metric(name, *tables)->sample())
        out.push_back(std::move(score));
    }
    return out;
  }

  /// What a metric that sums over sentences makes of an evaluation's sums.
  double score(const std::string& evaluation, const std::string& name,
               std::span<const int64_t> sums) {
    const auto found = tables_.find(evaluation);
    const Value* tables = found == tables_.end() ? nullptr : found->second;
    auto& metric = made_[{name, tables}];
    if (!metric) metric = make_metric(name, tables == nullptr ? Value() : *tables);
    for (const Score& score : metric->score_of(sums)) {
      if (score.name == name) return score.value;
    }
    machine_error("no metric named '{}' here to resample its sentences", name);
  }

 private:
  std::map<std::string, Value> distinct_;       // [eval.metric] by its text
  std::map<std::string, const Value*> tables_;  // by evaluation
  std::map<std::string, const Value*> own_;     // by name: tables that have it
  std::map<std::pair<std::string, const Value*>, std::unique_ptr<Metric>> made_;
};

// Options that say what the file could say become settings of it, so that they are checked and
// found like them.
ReportOptions with_report_settings(ReportOptions options) {
  const auto list = [](const std::string& text) {
    Value out = Value::array();
    for (const auto& word : split(text, ','))
      out.push_back(std::string(trim(word)));
    return json_text(out);
  };
  const auto set = [&](const char* key, const std::string& value) {
    options.sets.push_back(fmt::format("report.{}={}", key, value));
  };
  if (!options.rows.empty()) set("rows", list(options.rows));
  if (!options.columns.empty()) set("columns", list(options.columns));
  if (!options.pool.empty()) set("pool", list(options.pool));
  if (!options.where.empty()) set("where", json_text(Value(options.where)));
  if (!options.baseline.empty()) set("baseline", json_text(Value(options.baseline)));
  if (!options.pivot.empty()) set("pivot", json_text(Value(options.pivot)));
  if (!options.sort.empty()) set("sort", json_text(Value(options.sort)));
  return options;
}

Words renderers() {
  Words out;
  for (const AnyEntry* entry : entries()) {
    if (std::string_view(entry->kind) == Renderer::kKind) out.emplace_back(entry->name);
  }
  return out;
}

Table wanted_table(const ReportSection& section, const ReportInput& input, const Store& store,
                   const ReportOptions& options) {
  if (options.parts) return parts_table(section, input, store);
  if (options.effects) return effects_table(section, input);
  if (!options.pareto.empty()) return pareto_table(section, input, options.pareto);
  return make_report(section, input);
}

/// Makes one report in any format.
class Reporter {
 public:
  Reporter(const ReportSection& section, const ReportInput& input, const Store& store,
           const ReportOptions& options)
      : section_(section), input_(input), store_(store), options_(options) {}

  std::string text(const std::string& format, bool is_kept) const {
    const auto renderer = make_part<Renderer>({{"use", format}});
    Table table = wanted_table(section_, input_, store_, options_);
    if (renderer->wants_details()) table.details = report_details(section_, input_, store_);
    return is_kept ? renderer->render(kept_table(std::move(table)), false)
                   : renderer->render(table, wants_colour());
  }

 private:
  const ReportSection& section_;
  const ReportInput& input_;
  const Store& store_;
  const ReportOptions& options_;
};

// `--write` and `--check`: the files lie beside the experiment.
int keep_files(const Reporter& reporter, const ReportSection& section, const Spec& spec,
               const ReportOptions& options) {
  if (section.files.empty())
    user_error("[report] of '{}' names no files: files = [\"table.tex\"]", options.spec);
  size_t failed = 0;
  for (const auto& name : section.files) {
    const std::filesystem::path file = spec.folder() / name;
    const std::string text = reporter.text(format_of(file), true);
    if (options.write) {
      write_atomic(file, text);
      fmt::print("wrote {}\n", file.string());
      continue;
    }
    const auto found = differences(file, text);
    for (const auto& difference : found)
      fmt::print("{}\n", difference);
    failed += found.empty() ? 0 : 1;
  }
  if (failed == 0) return Exit::kDone;
  fmt::print(stderr, "{} of {} files differ from the results; next: {} --write\n", failed,
             section.files.size(), next_command(options, "report"));
  return Exit::kMachine;
}

}  // namespace

void ReportOptions::declare(Arguments& arguments) {
  ExperimentOptions::declare(arguments);
  const auto axes = [this](const std::string& prefix) {
    return list_candidates(prefix, axis_candidates(*this));
  };
  const auto metrics = [this](const std::string& prefix) {
    return list_candidates(prefix, metric_candidates(*this));
  };
  arguments.option("--format", "FORMAT", &format, "a component of kind `renderer`")
      .completes([](const std::string&) { return renderers(); });
  arguments.option("-o,--output", "FILE", &output,
                   "write into this file instead; its ending names the format: .html, .md, .tex, "
                   ".csv, .json or .txt");
  arguments.option("--rows", "LIST", &rows, "settings that make the rows, separated by commas")
      .completes(axes);
  arguments
      .option("--columns", "LIST", &columns,
              "metrics, separated by commas; `xp help columns` lists them")
      .completes(metrics);
  arguments.option("--where", "EXPRESSION", &where, "show only rows for which this holds");
  arguments.option("--baseline", "EXPRESSION", &baseline, "the row that others are compared to");
  arguments.option("--pivot", "AXIS", &pivot, "an axis whose values become columns")
      .completes(axes);
  arguments.option("--sort", "COLUMN", &sort, "sort by this column; a leading - reverses")
      .completes(metrics);
  arguments
      .option("--pool", "LIST", &pool, "layout: pool trainings that differ only in nodes x ranks")
      .completes([](const std::string&) { return Words{"layout"}; });
  arguments
      .option("--at", "BUDGET=VALUE", &at,
              "compare at an equal budget: updates, tokens, hours, total_inter_node_bytes or "
              "device_hours")
      .completes([](const std::string&) {
        Words out;
        for (const auto& kind : budget_kinds())
          out.push_back(kind + "=");
        return out;
      });
  arguments
      .option("--pareto", "COST", &pareto,
              "mark rows that no other beats in both quality and this cost, such as step_ms")
      .completes(metrics);
  arguments.flag("--write", write, "write the report into the files that [report] names");
  arguments.flag("--check", check, "fail if a number in those files no longer holds");
  arguments.flag("--effects", effects, "mean effect of each setting, and interactions");
  arguments.flag("--parts", parts,
                 "where the time of an update goes: compute, links and waiting, by layer");
}

int print_report(const ReportOptions& typed) {
  const ReportOptions options = with_report_settings(typed);
  const auto experiment = identify_experiment(options);
  if (!experiment) return Exit::kSpec;
  const Workspace workspace{options.workspace};
  const ReportSection section = report_section(*experiment, options);
  FoldResult folded;
  const Store store = Store::of(workspace, folded);
  for (const auto& problem : folded.problems)
    fmt::print(stderr, "{}\n", problem);
  ReportInput input;
  input.name = experiment->spec.name;
  input.description = experiment->spec.description;
  input.words = experiment_words(typed);
  input.points = report_points(experiment->plan);
  if (shows_forecast(section, options)) {
    predict_steps(experiment->plan, workspace, store, input);
    input.notes = shares_that_pay(experiment->plan, *experiment->catalog, workspace,
                                  experiment->corpus_figures());
  }
  input.runs = report_runs(workspace, store, input.points);
  input.corpora = report_corpora(workspace, corpus_ids(experiment->plan));
  const PointSettings settings(*experiment, input);
  PointMetrics metrics(settings, input);
  input.own_metrics = metrics.own_names();
  input.measures = report_measures(store, input.points, metrics.own_samples());
  const DirectionScores direction_scores(workspace, store, section.groups);
  add_groups(direction_scores, section.columns, input);
  input.where = settings.test(experiment->spec.report_where);
  input.is_baseline = settings.test(experiment->spec.report_baseline);
  input.corpus = corpus_name(settings, input.points);
  input.unit_of = [&](const std::string& path) {
    const auto* declared = experiment->spec.schema->find(path);
    return declared == nullptr ? std::string() : declared->front()->limit.unit;
  };
  if (!input.corpora.empty()) {
    input.translations = [&](const std::vector<std::string>& evaluations) {
      return page_texts(workspace, store, input.corpora.front().id, evaluations);
    };
    input.sentence_metric = make_metric(kSentenceMetric, {});
  }
  input.setting = [&](const ReportPoint& point, const std::string& path) {
    return settings.at(point, path);
  };
  input.is_no_result = [&](const ReportPoint& point) {
    const Value exchange = settings.at(point, "model.moe.exchange");
    if (!exchange.is_object()) return false;
    const auto* declared =
        experiment->catalog->find("exchange", exchange.value("use", std::string()));
    return declared != nullptr && !exchange_traits(*declared, exchange).gives_result;
  };
  input.metrics = [&](const ReportPoint& point) {
    return settings.at(point, "eval.metrics").get<std::vector<std::string>>();
  };
  input.sentences = [&](const std::string& evaluation, const std::string& column) {
    return direction_scores.sentences(evaluation, column);
  };
  input.score = [&](const std::string& evaluation, const std::string& name,
                    std::span<const int64_t> sums) {
    return metrics.score(evaluation, name, sums);
  };
  input.series = [&](const std::string& training, const std::string& metric) {
    return store.series(training, metric);
  };
  if (!options.at.empty()) input.at = parse_budget(options.at);
  const Reporter reporter(section, input, store, options);
  if (options.write || options.check) return keep_files(reporter, section, experiment->spec, typed);
  if (!options.output.empty()) {
    write_atomic(options.output, reporter.text(section.format, true));
    fmt::print("wrote {}\n", options.output.string());
    return Exit::kDone;
  }
  fmt::print("{}", reporter.text(section.format, false));
  return Exit::kDone;
}

namespace {
XP_COMMAND(ReportOptions, print_report, "report", Group::kExperiments, "compare what was measured",
           "results table summary");
}  // namespace

}  // namespace xp
