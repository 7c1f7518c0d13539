// Kinds that work on text and numbers: schedule, metric, renderer, corpus, tokenizer.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/laws/laws.h"
#include "registry/corpus.h"
#include "registry/metric.h"
#include "registry/renderer.h"
#include "registry/schedule.h"
#include "registry/tokenizer.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace xp {
namespace {

using Texts = std::vector<std::string>;

bool is_equal(const std::vector<Score>& a, const std::vector<Score>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Score& x, const Score& y) {
    return x.name == y.name && std::abs(x.value - y.value) <= 1e-9 * (1 + std::abs(x.value));
  });
}

std::vector<Score> scored(const Metric& metric, const Translations& texts) {
  const SentenceCounts counts = metric.sentence_counts(texts);
  return counts.width > 0 ? metric.score_of(sums_of(counts)) : metric.score(texts);
}

Cell number_cell(double value) {
  Cell out;
  out.is_number = true;
  out.value = value;
  out.count = 3;
  out.spread = 0.25;
  out.has_difference = true;
  out.difference = -1.5;
  out.p = 0.04;
  out.interval = {{-2.0, -1.0}};
  return out;
}

Table sample_table() {
  Cell name, nothing;
  name.text = "gshard";
  Cell best = number_cell(41000);
  best.is_best = true;
  Table out;
  out.title = "a title with <, & and \\ in it";
  out.baseline = "exchange dense";
  out.columns = {{.name = "exchange", .unit = "", .key = "exchange"},
                 {.name = "tokens/s",
                  .unit = "",
                  .is_number = true,
                  .key = "tokens_per_second",
                  .scale = 1e3,
                  .suffix = "k",
                  .is_measured = true}};
  out.rows = {{name, best}, {name, number_cell(-0.0)}, {nothing, nothing}};
  out.notes = {"mean of all seeds"};
  out.hints = {"next: xp run q.toml"};
  return out;
}

/// Every pair of a corpus in order, and what was odd about them.
struct Reading {
  std::vector<std::array<std::string, 3>> pairs;
  bool is_text = true, has_sides = true;
};

Reading read_all(const Corpus& corpus, const CorpusPlace& place, const Direction& direction) {
  Reading out;
  const auto take = [&](std::string_view subset, std::string_view source, std::string_view target) {
    for (const std::string_view side : {source, target}) {
      out.is_text = out.is_text && is_valid_utf8(side) &&
                    side.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos;
      out.has_sides = out.has_sides && (subset == "train" || !trim(side).empty());
    }
    out.pairs.push_back({std::string(subset), std::string(source), std::string(target)});
  };
  corpus.read(place, direction, take, [](std::string_view, std::string_view, int64_t) {});
  return out;
}

Texts sentences() {
  static const Texts kWords = {"the", "cat", "sat", "on", "a", "mat", "and", "saw", "two", "dogs"};
  Texts out;
  for (size_t i = 0; i < 200; ++i) {
    Texts words;
    for (size_t j = 0; j < 3 + i % 5; ++j)
      words.push_back(kWords[(i * 7 + j * j * 3 + i / 10) % kWords.size()]);
    out.push_back(join(words, " "));
  }
  return out;
}

}  // namespace

void try_schedule(const Schedule& schedule, Trial& trial) {
  for (int64_t update = 1; update < 2'000'000; update += update / 3 + 1) {
    const double factor = schedule.factor(update);
    trial.expect(std::isfinite(factor) && factor >= 0, "factors are finite and not negative");
    trial.expect(schedule.factor(update) == factor, "a factor depends on the update only");
  }
}

void try_metric(const Metric& metric, const std::string& name, Trial& trial) {
  const Texts sources = {"The cat sleeps .", "It still rains today in Paris .", "Yes !",
                         "Two and two make four ."};
  const Texts references = {"Le chat dort .", "Il pleut encore aujourd'hui \xc3\xa0 Paris .",
                            "Oui !", "Deux plus deux font quatre ."};
  const Texts others = {"Le chien dort .", "", "Non , jamais", "deux font deux et quatre ."};
  const Translations texts{sources, others, references};
  const auto best = scored(metric, {sources, references, references}), some = scored(metric, texts);
  std::set<std::string> names;
  trial.expect(best.size() == some.size() && !best.empty(), "the same scores for every text");
  for (size_t i = 0; i < std::min(best.size(), some.size()); ++i) {
    trial.expect(names.insert(best[i].name).second, "no two scores have one name");
    trial.expect(std::isfinite(best[i].value) && std::isfinite(some[i].value),
                 "scores are finite, also of empty hypotheses");
    const double gain = best[i].value - some[i].value;
    trial.expect(best[i].higher_is_better ? gain >= 0 : gain <= 0,
                 "nothing is better than the references themselves");
  }
  trial.expect(names.contains(name), "one score has the component's name");
  trial.expect(is_equal(scored(metric, texts), some), "scores do not change");
  const SentenceCounts counts = metric.sentence_counts(texts);
  if (counts.width == 0) return;
  trial.expect(counts.numbers.size() == counts.width * references.size(),
               "every sentence has its counts");
  trial.expect(is_equal(metric.score(texts), some), "the score is that of the summed counts");
  const Texts reversed_sources(sources.rbegin(), sources.rend()),
      reversed_others(others.rbegin(), others.rend()),
      reversed_references(references.rbegin(), references.rend());
  const Translations reversed{reversed_sources, reversed_others, reversed_references};
  trial.expect(is_equal(scored(metric, reversed), some), "the order of sentences does not matter");
}

void try_renderer(const Renderer& renderer, Trial& trial) {
  const Table table = sample_table();
  for (const bool colour : {false, true}) {
    const std::string text = renderer.render(table, colour);
    trial.expect(is_valid_utf8(text), "the text is UTF-8");
    trial.expect(text.ends_with('\n'), "the text ends with a line end");
    trial.expect(renderer.render(table, colour) == text, "one table is one text");
    trial.expect(text.find("gshard") != std::string::npos, "texts of cells are there");
    trial.expect(colour || text.find('\x1b') == std::string::npos,
                 "colours only where they are wanted");
  }
  Table empty = table;
  empty.rows.clear();
  trial.expect(is_valid_utf8(renderer.render(empty, false)), "a table may have no rows");
}

void try_corpus(const Corpus& corpus, const std::vector<std::string>& pairs, Trial& trial) {
  const TempFolder folder;
  CorpusPlace place;
  place.downloads = folder.path() / "downloads";
  place.lock = folder.path() / "LOCK.toml";
  place.spec_folder = ".";
  const auto directions = corpus.directions(place, pairs);
  trial.expect(!directions.empty(), "'pairs' names directions");
  const CorpusInputs inputs = corpus.inputs(place, directions);
  trial.expect(corpus.inputs(place, directions).identity == inputs.identity,
               "the same inputs are the same corpus");
  trial.expect(fs::is_empty(folder.path()), "planning writes nothing");
  if (!inputs.missing.empty() || !inputs.known || directions.empty()) return;
  Reading first, second;
  try {
    first = read_all(corpus, place, directions.front());
    second = read_all(corpus, place, directions.front());
  } catch (const Error& error) {
    if (error.blame() == Blame::kUser) throw;
    return;  // it would have to be fetched, which nobody asked for
  }
  trial.expect(first.is_text, "sides are lines of UTF-8");
  trial.expect(first.has_sides, "only training text has blank sides");
  trial.expect(first.pairs == second.pairs, "pairs come in a fixed order");
}

void try_tokenizer(const Tokenizer& tokenizer, Trial& trial) {
  const TempFolder folder;
  const Texts texts = sentences();
  const auto each_sentence = [&](const std::function<void(std::string_view)>& each) {
    for (const auto& text : texts)
      each(text);
  };
  tokenizer.train(each_sentence, ".", folder.path());
  const auto vocabulary = tokenizer.open(folder.path()), again = tokenizer.open(folder.path());
  const int32_t size = vocabulary->size();
  trial.expect(size > Special::kUnknown, "a vocabulary has the special pieces and more");
  trial.expect(again->size() == size, "a vocabulary is opened the same every time");
  const auto encoder = vocabulary->encoder();
  for (const auto& text :
       {texts[0], texts[150], std::string(), std::string("\xe2\x82\xac zebra")}) {
    const auto ids = vocabulary->encode(text);
    std::vector<int32_t> quick;
    encoder->encode(text, quick);
    trial.expect(quick == ids && again->encode(text) == ids, "one text has one list of ids");
    trial.expect(std::all_of(ids.begin(), ids.end(),
                             [&](int32_t id) { return id >= Special::kUnknown && id < size; }),
                 "ids are in the vocabulary, and not of the sentence's ends");
    auto framed = ids;
    framed.insert(framed.begin(), Special::kBegin);
    framed.push_back(Special::kEnd);
    trial.expect(vocabulary->decode(framed) == vocabulary->decode(ids), "special ids are skipped");
  }
  for (const auto& text : texts)
    trial.expect(vocabulary->decode(vocabulary->encode(text)) == text,
                 "text it was trained on comes back");
  for (int32_t id = 0; id < size; ++id)
    trial.expect(vocabulary->piece(id).find_first_of(" \t\n") == std::string::npos,
                 "pieces are written without white space");
}

}  // namespace xp
