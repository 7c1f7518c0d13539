// `xp compare RUN RUN`: the sentences that two runs translated differently, side by side.
#include "engine/base/json_text.h"
#include "engine/base/terminal.h"
#include "engine/base/text.h"
#include "engine/cli/commands/translated_text.h"
#include "engine/cli/commands/typed_metrics.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/terminal/colour.h"
#include "engine/cli/terminal/wrapped_text.h"
#include "results/report/sentence_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  static constexpr std::string_view kDetails =
      "xp compare gshard scomoe-seq\n"
      "xp compare 3fa9 71bd --sort loss --limit 20 --metric bleu\n"
      "xp compare 3fa9 71bd --sort rare --direction en-de --json\n"
      "\n"
      "Each RUN is an evaluation, or a training, of which the newest evaluation counts. Both\n"
      "translated the same text. A gain is that of the second run, positive if it is better.\n"
      "--sort difference shows the largest gains and losses first, gain and loss only one side,\n"
      "length the longest sources, rare those whose words have most pieces: words that the\n"
      "training text rarely has. p is that of sacreBLEU's paired bootstrap over sentences, for\n"
      "this pair alone, which counts one side only. That of `xp report` counts both, so it is\n"
      "about twice as large; it resamples seeds, too, and is corrected for the number of rows.";

  Words runs;
  std::string subset, direction, metric = "chrf", sort = "difference";
  int64_t limit = 10;
  bool json = false;

  void declare(Arguments& arguments) {
    declare_two_runs(arguments, runs, "compare", *this);
    arguments.option("--metric", "NAME", &metric,
                     "scores the sentences; see `xp components metric`");
    arguments.option("--sort", "ORDER", &sort, "what comes first")
        .one_of({std::begin(kSentenceOrders), std::end(kSentenceOrders)});
    arguments.option("--limit", "N", &limit, "sentences to print; 0 = all").from(0);
    arguments.option("--subset", "NAME", &subset, "of the corpus")
        .otherwise("the first that both translated");
    arguments.option("--direction", "FROM-TO", &direction, "only this one").otherwise("all");
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
};

SentenceOrder order_of(const std::string& name) {
  const auto found = std::find(std::begin(kSentenceOrders), std::end(kSentenceOrders), name);
  return static_cast<SentenceOrder>(found - std::begin(kSentenceOrders));
}

// What both translated of one subset.
std::vector<ComparedTexts> compared_texts(const Options& options, const RunFolder& a,
                                          const RunFolder& b) {
  std::vector<ComparedTexts> out;
  auto texts = translated_texts({options.workspace}, {a, b}, options.subset, options.direction);
  const std::string subset = texts.front().subset;
  for (auto& text : texts) {
    if (text.subset != subset) continue;
    out.push_back({text.direction, std::move(text.sources), std::move(text.references),
                   std::move(text.hypotheses[0]), std::move(text.hypotheses[1]),
                   std::move(text.num_pieces), Workspace{options.workspace}.scores()});
  }
  return out;
}

const ComparedTexts& texts_of(const std::vector<ComparedTexts>& texts,
                              const std::string& direction) {
  return *std::find_if(texts.begin(), texts.end(),
                       [&](const auto& one) { return one.direction == direction; });
}

Value to_json(const ComparedSentence& one, const ComparedTexts& texts) {
  return {{"direction", one.direction},
          {"line", one.line + 1},
          {"source", texts.sources[one.line]},
          {"reference", texts.references[one.line]},
          {"a", {{"text", texts.a[one.line]}, {"score", one.score_a}}},
          {"b", {{"text", texts.b[one.line]}, {"score", one.score_b}}},
          {"gain", one.gain}};
}

Value to_json(const SentenceComparison& comparison) {
  Value totals = Value::array();
  for (const auto& total : comparison.totals) {
    totals.push_back({{"direction", total.direction},
                      {"a", total.score_a},
                      {"b", total.score_b},
                      {"p", total.p ? Value(*total.p) : Value()}});
  }
  return {{"schema_version", 1},
          {"metric", comparison.label},
          {"higher_is_better", comparison.higher_is_better},
          {"wins", comparison.wins},
          {"ties", comparison.ties},
          {"losses", comparison.losses},
          {"same_text", comparison.num_same},
          {"win_rate", comparison.win_rate()},
          {"totals", std::move(totals)}};
}

void print_summary(const SentenceComparison& comparison, const RunFolder& a, const RunFolder& b) {
  fmt::print("A = evaluation {}, B = evaluation {}\n", a.id, b.id);
  for (const auto& total : comparison.totals) {
    fmt::print("{}: {} {:.2f} -> {:.2f}{}\n", total.direction, comparison.label, total.score_a,
               total.score_b,
               total.p ? fmt::format(", p = {:.3f} of this pair alone", *total.p) : "");
  }
  fmt::print("B is better in {} sentences, worse in {}, equal in {} (the same text in {})\n",
             comparison.wins, comparison.losses, comparison.ties, comparison.num_same);
  fmt::print("win rate of B, ties counted half: {:.1f} %\n", 100 * comparison.win_rate());
}

// A word of the gain's sign in colour.
std::string gain_text(double gain) {
  const std::string text = fmt::format("{:+.1f}", gain);
  if (!wants_colour() || gain == 0) return text;
  return coloured(text, gain > 0 ? Colour::kGreen : Colour::kRed);
}

void print_sentence(const ComparedSentence& one, const ComparedTexts& texts, size_t columns) {
  fmt::print("\n{} {}: {:.1f} -> {:.1f} ({})\n", one.direction, one.line + 1, one.score_a,
             one.score_b, gain_text(one.gain));
  fmt::print("{}", wrapped_text("  source     ", texts.sources[one.line], columns));
  fmt::print("{}", wrapped_text("  reference  ", texts.references[one.line], columns));
  fmt::print("{}", wrapped_text("  A          ", texts.a[one.line], columns));
  fmt::print("{}", wrapped_text("  B          ", texts.b[one.line], columns));
}

int compare_runs(const Options& options) {
  const RunFolder a = named_evaluation(options, options.runs.at(0));
  const RunFolder b = named_evaluation(options, options.runs.at(1));
  const auto texts = compared_texts(options, a, b);
  const auto metric = typed_metric(options.metric, metric_tables_of({a, b}));
  const SentenceComparison comparison = compare_sentences(*metric, options.metric, texts);
  auto shown = differing(comparison, order_of(options.sort));
  const size_t num_differing = shown.size();
  if (options.limit > 0 && shown.size() > static_cast<size_t>(options.limit))
    shown.resize(static_cast<size_t>(options.limit));
  if (options.json) {
    Value out = to_json(comparison);
    out["a"] = a.id;
    out["b"] = b.id;
    out["sentences"] = Value::array();
    for (const auto& one : shown)
      out["sentences"].push_back(to_json(one, texts_of(texts, one.direction)));
    fmt::print("{}\n", json_text(out, 2));
    return Exit::kDone;
  }
  constexpr size_t kPipeColumns = 100;
  const size_t measured = terminal_columns(STDOUT_FILENO);
  print_summary(comparison, a, b);
  for (const auto& one : shown)
    print_sentence(one, texts_of(texts, one.direction), measured > 0 ? measured : kPipeColumns);
  if (num_differing > shown.size())
    fmt::print("\n{} more differ; --limit 0 prints all\n", num_differing - shown.size());
  return Exit::kDone;
}

XP_COMMAND(Options, compare_runs, "compare", Group::kResults,
           "print the sentences that two runs translated differently");

}  // namespace
}  // namespace xp
