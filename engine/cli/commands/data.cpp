// `xp data ACTION FILE`: the corpora of an experiment.
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/candidates.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/data/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace xp {
namespace {

struct Options : ExperimentOptions {
  std::string action, format = "fairseq-bin";
  fs::path output;

  void declare(Arguments& arguments) {
    arguments.positional("ACTION", &action, "what to do with the corpora of the experiment")
        .required()
        .one_of({"prepare", "stats", "show", "export", "verify", "update"});
    ExperimentOptions::declare(arguments);
    arguments.option("--format", "FORMAT", &format, "of export: the format of the files")
        .one_of({"fairseq-bin"});
    arguments.option("--output", "FOLDER", &output, "of export: a new or empty folder")
        .completes(file_candidates);
  }
};

struct Prepared {
  std::string id;
  PreparedCorpus corpus;
};

// The distinct [corpus] tables of the points, in their order.
std::vector<Value> corpus_tables(const Plan& plan) {
  std::vector<Value> out;
  for (const auto& point : plan.points) {
    const Value& table = point.settings().at("corpus");
    if (std::find(out.begin(), out.end(), table) == out.end()) out.push_back(table);
  }
  return out;
}

// Raises kUser if one is not prepared.
std::vector<Prepared> prepared_corpora(const Options& options, const Experiment& experiment,
                                       const Corpora& corpora) {
  std::vector<Prepared> out;
  std::vector<std::string> seen;
  for (const auto& table : corpus_tables(experiment.plan)) {
    const CorpusIdentity identity = corpora.identity(table);
    if (!identity.missing.empty()) user_error("{}", identity.missing);
    const Workspace workspace{options.workspace};
    if (!identity.id || !is_prepared(workspace.corpus(*identity.id)))
      user_error("the corpus is not prepared; next: {}", next_command(options, "data prepare"));
    const fs::path folder = workspace.corpus(*identity.id);
    if (std::find(seen.begin(), seen.end(), *identity.id) != seen.end()) continue;
    seen.push_back(*identity.id);
    out.push_back({*identity.id, open_corpus(folder, table)});
  }
  return out;
}

// A table whose columns from the third on are figures, written flush right.
std::string figures_table(std::vector<std::vector<std::string>> rows) {
  std::map<size_t, size_t> widths;
  for (const auto& row : rows)
    for (size_t i = 2; i < row.size() && i + 1 < rows.front().size(); ++i)
      widths[i] = std::max(widths[i], display_width(row[i]));
  for (auto& row : rows)
    for (const auto& [i, width] : widths)
      row[i].insert(0, width - display_width(row[i]), ' ');
  return text_table(rows);
}

// 1234567 -> "1 234 567"
std::string grouped(int64_t count) {
  const std::string digits = std::to_string(count);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ' ';
    out += digits[i];
  }
  return out;
}

std::string reasons(const Value& dropped) {
  std::vector<std::pair<int64_t, std::string>> sorted;
  for (const auto& [reason, count] : dropped.items())
    sorted.emplace_back(-count.get<int64_t>(), reason);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> words;
  for (const auto& [count, reason] : sorted)
    words.push_back(fmt::format("{} {}", reason, grouped(-count)));
  return join(words, ", ");
}

std::string unknown_share(const Value& counts, const char* tokens, const char* unknown) {
  const auto all = counts.at(tokens).get<double>();
  return all == 0 ? "-" : fmt::format("{:.3f}%", 100 * counts.at(unknown).get<double>() / all);
}

void print_stats(const std::vector<Prepared>& all) {
  for (const auto& [id, corpus] : all) {
    fmt::print("corpus {}: {} pieces{}\n", id, grouped(corpus.vocabulary().size()),
               corpus.is_joint() ? ""
                                 : fmt::format(" of sources, {} of targets",
                                               grouped(corpus.vocabulary(Side::kTarget).size())));
    std::vector<std::vector<std::string>> rows = {{"subset", "direction", "read", "kept",
                                                   "source pieces", "unknown", "target pieces",
                                                   "unknown", "left out"}};
    for (const auto& subset : corpus.subsets()) {
      for (const auto& direction : corpus.directions()) {
        if (!corpus.has(subset, direction)) continue;
        const Value& counts = corpus.stats().at(subset).at(direction.name());
        rows.push_back({subset, direction.name(), grouped(counts.at("read").get<int64_t>()),
                        grouped(counts.at("kept").get<int64_t>()),
                        grouped(counts.at("source_tokens").get<int64_t>()),
                        unknown_share(counts, "source_tokens", "source_unknown"),
                        grouped(counts.at("target_tokens").get<int64_t>()),
                        unknown_share(counts, "target_tokens", "target_unknown"),
                        reasons(counts.at("dropped"))});
      }
    }
    fmt::print("{}", figures_table(rows));
  }
}

Value stats_json(const Options& options, const std::vector<Prepared>& all) {
  Value list = Value::array();
  for (const auto& [id, corpus] : all) {
    list.push_back({{"id", id},
                    {"folder", Workspace{options.workspace}.corpus(id).string()},
                    {"stats", corpus.stats()}});
  }
  return {{"schema_version", 1}, {"corpora", list}};
}

int stats(const Options& options, const std::vector<Prepared>& all, const std::string& next) {
  if (options.json) {
    fmt::print("{}\n", json_text(stats_json(options, all), 2));
  } else {
    print_stats(all);
    fmt::print("next: {}\n", next);
  }
  return Exit::kDone;
}

std::string pieces(const Vocabulary& vocabulary, const std::vector<int32_t>& ids) {
  std::vector<std::string> out;
  for (const int32_t id : ids)
    out.push_back(vocabulary.piece(id));
  return join(out, " ");
}

// The name of a language tag; "" for </s>, which is not shown, or nothing.
std::string tag_name(const PreparedCorpus& corpus, Side side, std::optional<int32_t> id) {
  if (!id || *id < corpus.vocabulary(side).size()) return "";
  return corpus.tags().names()[static_cast<size_t>(*id - corpus.vocabulary(side).size())];
}

// One sentence with its tag where the model sees it.
Value shown_sentence(const PreparedCorpus& corpus, const Direction& direction, Side side,
                     const std::vector<int32_t>& ids) {
  const SentenceFrame frame = corpus.frame(direction);
  const bool is_source = side == Side::kSource;
  const std::string first = tag_name(corpus, side,
                                     is_source            ? frame.source_first
                                     : frame.target_first ? frame.target_first
                                                          : std::optional(frame.target_begin));
  const std::string last = is_source ? tag_name(corpus, side, frame.source_end) : "";
  std::string text = pieces(corpus.vocabulary(side), ids);
  if (!first.empty()) text = first + " " + text;
  if (!last.empty()) text += " " + last;
  const std::string tag = first.empty() ? last : first;
  Value out = {{"side", side_name(side)}, {"ids", ids}, {"pieces", text}};
  if (!tag.empty()) out["tag"] = tag;
  return out;
}

// The first pairs of a subset in one direction.
void show_pairs(const Options& options, const Prepared& prepared, const std::string& subset,
                const Direction& direction, Value& list) {
  constexpr int64_t kMaxPairs = 3;
  const auto& [id, corpus] = prepared;
  if (!options.json) fmt::print("{} {} {}\n", id, subset, direction.name());
  const std::array sides = {
      std::pair(Side::kSource, corpus.tokens(subset, direction, Side::kSource)),
      std::pair(Side::kTarget, corpus.tokens(subset, direction, Side::kTarget))};
  for (int64_t i = 0; i < std::min(sides[0].second.size(), kMaxPairs); ++i) {
    for (const auto& [side, tokens] : sides) {
      Value sentence = shown_sentence(corpus, direction, side, tokens.sentence(i));
      if (!options.json)
        fmt::print("  {} {}: {}\n", side_name(side), i, sentence["pieces"].get<std::string>());
      sentence.update(
          {{"corpus", id}, {"subset", subset}, {"direction", direction.name()}, {"index", i}});
      list.push_back(std::move(sentence));
    }
  }
}

int show(const Options& options, const std::vector<Prepared>& all) {
  Value list = Value::array();
  for (const auto& prepared : all) {
    for (const auto& subset : prepared.corpus.subsets()) {
      for (const auto& direction : prepared.corpus.directions()) {
        if (prepared.corpus.has(subset, direction))
          show_pairs(options, prepared, subset, direction, list);
      }
    }
  }
  if (options.json) fmt::print("{}\n", json_text({{"schema_version", 1}, {"sentences", list}}, 2));
  return Exit::kDone;
}

int verify(const Options& options, const std::vector<Prepared>& all) {
  Value list = Value::array();
  for (const auto& [id, corpus] : all) {
    corpus.verify();
    int64_t tokens = 0;
    for (const auto& [subset, directions] : corpus.stats().items()) {
      for (const auto& [direction, counts] : directions.items())
        tokens +=
            counts.at("source_tokens").get<int64_t>() + counts.at("target_tokens").get<int64_t>();
    }
    list.push_back({{"id", id}, {"tokens", tokens}});
    if (!options.json) fmt::print("corpus {}: intact, {} pieces read\n", id, grouped(tokens));
  }
  if (options.json) fmt::print("{}\n", json_text({{"schema_version", 1}, {"verified", list}}, 2));
  return Exit::kDone;
}

int export_files(const Options& options, const std::vector<Prepared>& all) {
  if (options.output.empty()) user_error("name the folder to write: --output FOLDER");
  if (fs::exists(options.output) && !fs::is_empty(options.output))
    user_error("'{}' is not empty; name a new folder", options.output.string());
  make_folder_atomic(options.output, [&](const fs::path& fresh) {
    for (const auto& [id, corpus] : all)
      export_fairseq(corpus, all.size() == 1 ? fresh : fresh / id);
  });
  fmt::print(stderr, "written to '{}'\n", options.output.string());
  return Exit::kDone;
}

int update(const Options& options, const Experiment& experiment, const Corpora& corpora) {
  Value list = Value::array();
  for (const auto& table : corpus_tables(experiment.plan)) {
    const auto before = corpora.identity(table).id;
    const std::string after = corpora.update(table);
    list.push_back({{"before", before ? Value(*before) : Value()}, {"after", after}});
    if (options.json) continue;
    fmt::print("corpus {}{}\n", after,
               !before            ? ": found"
               : *before == after ? ": unchanged"
                                  : " replaces " + *before);
  }
  if (options.json) fmt::print("{}\n", json_text({{"schema_version", 1}, {"updated", list}}, 2));
  return Exit::kDone;
}

int work_on_data(const Options& options) {
  const std::string& action = options.action;
  const auto experiment = load_experiment(options);
  if (!experiment) return Exit::kSpec;
  const Corpora& corpora = *experiment->corpora;
  if (action == "update") return update(options, *experiment, corpora);
  if (action == "prepare") {
    for (const auto& table : corpus_tables(experiment->plan))
      corpora.prepare(table);
  }
  const auto all = prepared_corpora(options, *experiment, corpora);
  if (action == "show") return show(options, all);
  if (action == "verify") return verify(options, all);
  if (action == "export") return export_files(options, all);
  return stats(options, all, next_command(options, action == "prepare" ? "run" : "data show"));
}

XP_COMMAND(Options, work_on_data, "data", Group::kData,
           "prepare the corpora of an experiment, or inspect, verify and export them",
           "preprocess prepare");

}  // namespace
}  // namespace xp
