// `xp score`: scores of runs or of files of translations, and tests of whether systems differ, as
// sacreBLEU's command line gives them.
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/commands/translated_text.h"
#include "engine/cli/commands/typed_metrics.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/candidates.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/data/text_lines.h"
#include "registry/corpus.h"
#include "registry/direction_groups.h"
#include "registry/metric.h"
#include "results/report/significance.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace xp {
namespace {

using Lines = std::vector<std::string>;

struct Options : WorkspaceOptions {
  static constexpr std::string_view kDetails =
      "xp score last --metrics chrf++,ter\n"
      "xp score gshard scomoe-seq --test\n"
      "xp score --hypotheses out.fr --references test.fr\n"
      "xp score --hypotheses base.fr moe.fr --references test.fr --metrics bleu,chrf,ter --test\n"
      "xp score --hypotheses out.zh --references a.zh b.zh --metrics bleu --tokenizer zh --json\n"
      "\n"
      "Of a RUN, an evaluation or the newest one of a training, the translations that it left are\n"
      "scored, by metrics with the settings of its [eval.metric]; nothing is decoded. Of several\n"
      "directions there are means, too: of all, and of those from and into a language that most\n"
      "share. Files hold one sentence per line. With --test systems are compared with the first\n"
      "one, by sacreBLEU's paired bootstrap or approximate randomization: the same p for the same\n"
      "seed. NAME in --set may be any name if NAME.use picks the component:\n"
      "  xp score last --metrics mine --set mine.use=command \\\n"
      "    --set 'mine.command=[\"./score.py\", \"{hypothesis}\", \"{reference}\"]'";

  Words runs, hypotheses, references, sets;
  std::string subset, direction, sources, tokenizer, model;
  std::string metrics = "bleu,chrf", method = "bootstrap";
  int64_t rounds = 0, seed = 12345;
  bool tests = false, lowercase = false, sentences = false, json = false;

  void declare(Arguments& arguments) {
    arguments
        .positional("RUN", &runs,
                    "systems, each an id, its first 4 digits or more, last, or another selector")
        .at_most(100)
        .completes([this](const std::string&) { return run_candidates(*this); });
    arguments.option("--subset", "NAME", &subset, "of runs: only this one").otherwise("all");
    arguments.option("--direction", "FROM-TO", &direction, "of runs: only this one")
        .otherwise("all");
    arguments.option("--hypotheses", "FILE", &hypotheses, "translations; one file for each system")
        .at_most(100);
    arguments.option("--references", "FILE", &references, "one file for each set of references")
        .at_most(100);
    arguments.after_parsing([this] { check_systems(); });
    arguments.option("--sources", "FILE", &sources, "for metrics that read the source");
    arguments.option("--metrics", "NAME,...", &metrics, "see `xp components metric`");
    arguments.option("--set", "NAME.KEY=VALUE", &sets,
                     "a setting of a metric, see `xp components NAME`; repeatable");
    arguments.option("--tokenizer", "NAME", &tokenizer, "of bleu: 13a, intl, char, zh, none, ...");
    arguments.option("--model", "FILE", &model,
                     "of --tokenizer: flores200's SentencePiece model, ko-mecab's folder");
    arguments.flag("--lowercase", lowercase, "compare without case");
    arguments.flag("--sentences", sentences, "print the score of each sentence, too");
    arguments.flag("--test", tests, "compare the other systems with the first one");
    arguments.option("--method", "NAME", &method, "of --test")
        .one_of({"bootstrap", "randomization"});
    arguments
        .option("--rounds", "N", &rounds, "of --test; 0 = 1000 resamples, 10000 randomizations")
        .from(0)
        .to(1'000'000);
    arguments.option("--seed", "N", &seed, "of --test").from(0).to(UINT32_MAX);
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
  void check_systems() const {
    if (runs.empty() && (hypotheses.empty() || references.empty()))
      usage_error("name runs, or files with --hypotheses and --references");
    if (!runs.empty() && !(hypotheses.empty() && references.empty() && sources.empty()))
      usage_error("runs are scored by themselves; name files in another command");
  }
};

/// What several systems translated.
struct Texts {
  std::string subset, direction;     ///< of runs; else ""
  std::vector<std::string> systems;  ///< ids of runs, or files
  std::vector<Lines> hypotheses, references;
  Lines sources;
};

Lines lines_of(const std::string& path) {
  TextLines lines(path, "one sentence per line");
  Lines out;
  while (!lines.at_end()) {
    out.emplace_back(lines.next());
    lines.require_text(out.back());
  }
  return out;
}

Texts read_texts(const Options& options) {
  Texts out;
  const std::string& first = options.references.front();
  const auto read = [&](const std::string& path) {
    Lines lines = lines_of(path);
    const size_t expected = out.references.empty() ? lines.size() : out.references[0].size();
    if (lines.size() != expected) {
      user_error("'{}' and '{}' differ in lines, {} and {}; line i of each belongs together", path,
                 first, lines.size(), expected);
    }
    return lines;
  };
  for (const auto& path : options.references)
    out.references.push_back(read(path));
  for (const auto& path : options.hypotheses)
    out.hypotheses.push_back(read(path));
  out.systems = options.hypotheses;
  if (!options.sources.empty()) out.sources = read(options.sources);
  return out;
}

std::vector<Texts> texts_of_runs(const Options& options, const std::vector<RunFolder>& runs) {
  std::vector<std::string> ids;
  for (const auto& run : runs)
    ids.push_back(run.id);
  std::vector<Texts> out;
  for (auto& text :
       translated_texts({options.workspace}, runs, options.subset, options.direction)) {
    out.push_back({text.subset,
                   text.direction,
                   ids,
                   std::move(text.hypotheses),
                   {std::move(text.references)},
                   std::move(text.sources)});
  }
  return out;
}

// The settings of the metrics: those of the runs, then what is typed.
Value metric_tables(const Options& options, const std::vector<std::string>& names,
                    const std::vector<RunFolder>& runs) {
  Value tables = metric_tables_of(runs);
  for (const auto& name : names) {
    if (options.lowercase) tables[name]["lowercase"] = true;
    if (name == "bleu" && !options.tokenizer.empty()) tables[name]["tokenizer"] = options.tokenizer;
    if (name == "bleu" && !options.model.empty()) tables[name]["model"] = options.model;
  }
  set_metric_settings(options.sets, tables);
  return tables;
}

// The tests keep a number for each sentence and round.
void require_memory(const PairedRule& rule, size_t sentences) {
  constexpr double kMaxBytes = 8e9;
  const double needed =
      static_cast<double>(rule.num_rounds()) * static_cast<double>(sentences) * sizeof(int16_t);
  if (needed > kMaxBytes) {
    user_error("{} rounds of {} sentences need {} of memory; ask for fewer with --rounds",
               rule.num_rounds(), sentences, human_bytes(needed));
  }
}

// One score of one system.
struct Result {
  std::string subset, direction, system;  ///< the direction may be a group: "x-en"
  Score score;
  std::optional<PairedResult> test;
  std::vector<double> sentences;
};

PairedRule rule_of(const Options& options) {
  const auto test =
      options.method == "bootstrap" ? PairedTest::kBootstrap : PairedTest::kRandomization;
  return {test, static_cast<size_t>(options.rounds), static_cast<uint32_t>(options.seed)};
}

// The results of one metric: score by score, and of each the systems in their order.
std::vector<Result> results_of(const Metric& metric, const Texts& texts, const Options& options) {
  std::vector<SentenceCounts> counts;
  std::vector<std::vector<Score>> scores;
  for (const auto& hypotheses : texts.hypotheses) {
    Translations given{texts.sources, hypotheses, texts.references[0]};
    if (!texts.direction.empty()) {
      const Direction direction = parse_direction(texts.direction);
      given.source_language = direction.source;
      given.target_language = direction.target;
    }
    given.more_references.assign(texts.references.begin() + 1, texts.references.end());
    // Programs that score are costly; who scores files beside no workspace keeps nothing.
    const Workspace workspace{options.workspace};
    if (fs::exists(workspace.root)) given.cache = workspace.scores();
    counts.push_back(metric.sentence_counts(given));
    if (counts.back().width == 0) {
      scores.push_back(metric.score(given));
    } else {
      const auto sums = sums_of(counts.back());
      scores.push_back(metric.score_of({sums, counts.back().num_references}));
    }
  }
  const bool has_counts = counts[0].width > 0;
  std::vector<Result> out;
  for (size_t k = 0; k < scores[0].size(); ++k) {
    std::vector<PairedResult> tests;
    if (options.tests && has_counts) {
      tests = paired_results(rule_of(options), counts, [&](std::span<const int64_t> sums) {
        return metric.score_of({sums, counts[0].num_references})[k].value;
      });
    }
    for (size_t i = 0; i < scores.size(); ++i) {
      Result& result = out.emplace_back();
      result.subset = texts.subset;
      result.direction = texts.direction;
      result.system = texts.systems[i];
      result.score = scores[i][k];
      if (!tests.empty()) result.test = tests[i];
      for (size_t n = 0; options.sentences && n < counts[i].size(); ++n) {
        const CountSums one{counts[i].of(n), counts[i].num_references, /*sentence=*/true};
        result.sentences.push_back(metric.score_of(one)[k].value);
      }
    }
  }
  return out;
}

// Of a subset with several directions: means over all of them, and over those that share a side, if
// that is not all.
std::vector<std::string> groups_of(const std::set<std::string>& directions) {
  std::vector<std::string> out;
  if (directions.size() < 2) return out;
  out.emplace_back("x-x");
  std::map<std::string, size_t> counts;
  for (const auto& name : directions) {
    const Direction direction = parse_direction(name);
    ++counts[direction.source + "-x"];
    ++counts["x-" + direction.target];
  }
  for (const auto& [group, count] : counts)
    if (count > 1 && count < directions.size()) out.push_back(group);
  return out;
}

// The means over a group of directions, by system and score in their order.
std::vector<Result> means_of(const std::vector<Result>& results, const std::string& subset,
                             const std::string& group) {
  std::vector<Result> out;
  std::vector<double> counts;
  for (const auto& result : results) {
    if (result.subset != subset || !is_in_group({group}, result.direction)) continue;
    const auto same = std::find_if(out.begin(), out.end(), [&](const Result& one) {
      return one.system == result.system && one.score.name == result.score.name;
    });
    const auto at = static_cast<size_t>(same - out.begin());
    if (same == out.end()) {
      Result& mean = out.emplace_back();
      mean.subset = subset;
      mean.direction = group;
      mean.system = result.system;
      mean.score = result.score;
      mean.score.value = 0;
      counts.push_back(0);
    }
    out[at].score.value += result.score.value;
    ++counts[at];
  }
  for (size_t i = 0; i < out.size(); ++i)
    out[i].score.value /= counts[i];
  return out;
}

void add_means(std::vector<Result>& results) {
  std::map<std::string, std::set<std::string>> directions;
  for (const auto& result : results)
    if (!result.direction.empty()) directions[result.subset].insert(result.direction);
  std::vector<Result> means;
  for (const auto& [subset, names] : directions) {
    for (const auto& group : groups_of(names))
      for (auto& mean : means_of(results, subset, group))
        means.push_back(std::move(mean));
  }
  std::move(means.begin(), means.end(), std::back_inserter(results));
}

Value to_json(const Result& result) {
  Value out = {{"system", result.system},
               {"metric", result.score.name},
               {"score", result.score.value},
               {"unit", result.score.unit},
               {"higher_is_better", result.score.higher_is_better},
               {"signature", result.score.signature}};
  if (!result.subset.empty()) {
    out["subset"] = result.subset;
    out["direction"] = result.direction;
  }
  if (result.test && result.test->mean) out["mean"] = *result.test->mean;
  if (result.test && result.test->interval) out["interval"] = *result.test->interval;
  if (result.test && result.test->p) out["p"] = *result.test->p;
  if (!result.sentences.empty()) out["sentences"] = result.sentences;
  return out;
}

void print_table(const std::vector<Result>& results, bool has_tests) {
  std::vector<std::vector<std::string>> rows = {{"system", "metric", "score"}};
  if (has_tests) rows[0].insert(rows[0].end(), {"95 %", "p"});
  if (!results.front().subset.empty()) rows[0].insert(rows[0].begin(), "text");
  for (const auto& [subset, direction, system, score, test, sentences] : results) {
    rows.push_back({system, score.label.empty() ? score.name : score.label,
                    fmt::format("{:.2f}", score.value)});
    if (!subset.empty()) rows.back().insert(rows.back().begin(), subset + " " + direction);
    if (!has_tests) continue;
    const bool has_interval = test && test->interval;
    rows.back().push_back(has_interval ? fmt::format("± {:.2f}", *test->interval) : "");
    rows.back().push_back(test && test->p ? fmt::format("{:.4f}", *test->p) : "");
  }
  fmt::print("{}", text_table(rows));
  std::set<std::string> printed;
  for (const auto& result : results) {
    if (printed.insert(result.score.signature).second)
      fmt::print("{}: {}\n", result.score.name, result.score.signature);
  }
}

// "test en-fr ", of runs.
std::string text_name(const Result& result) {
  return result.subset.empty() ? "" : result.subset + " " + result.direction + " ";
}

void print_sentences(const std::vector<Result>& results) {
  for (const auto& result : results)
    for (size_t i = 0; i < result.sentences.size(); ++i)
      fmt::print("{}{}:{}: {} {:.2f}\n", text_name(result), result.system, i + 1, result.score.name,
                 result.sentences[i]);
}

int score(const Options& options) {
  std::vector<std::string> names;
  for (const auto& name : split(options.metrics, ','))
    names.emplace_back(trim(name));
  const bool has_bleu = std::find(names.begin(), names.end(), "bleu") != names.end();
  if (!has_bleu && !(options.tokenizer.empty() && options.model.empty()))
    usage_error("--tokenizer and --model are of bleu, which --metrics does not name");
  if (options.tests && std::max(options.runs.size(), options.hypotheses.size()) < 2)
    usage_error("--test compares systems; name two runs, or two files with --hypotheses, or more");
  std::vector<RunFolder> runs;
  for (const auto& name : options.runs)
    runs.push_back(named_evaluation(options, name));
  std::vector<std::unique_ptr<Metric>> metrics;
  const Value tables = metric_tables(options, names, runs);
  for (const auto& name : names)
    metrics.push_back(typed_metric(name, tables));
  const auto all_texts =
      runs.empty() ? std::vector<Texts>{read_texts(options)} : texts_of_runs(options, runs);
  std::vector<Result> results;
  for (const auto& texts : all_texts) {
    if (options.tests) require_memory(rule_of(options), texts.references[0].size());
    for (const auto& metric : metrics) {
      for (auto& result : results_of(*metric, texts, options))
        results.push_back(std::move(result));
    }
  }
  add_means(results);
  if (options.json) {
    Value list = Value::array();
    for (const auto& result : results)
      list.push_back(to_json(result));
    fmt::print("{}\n", json_text({{"schema_version", 1}, {"scores", list}}, 2));
    return Exit::kDone;
  }
  print_sentences(results);
  print_table(results, options.tests);
  return Exit::kDone;
}

XP_COMMAND(Options, score, "score", Group::kResults,
           "score runs or files of translations, and test whether systems differ",
           "bleu sacrebleu");

}  // namespace
}  // namespace xp
