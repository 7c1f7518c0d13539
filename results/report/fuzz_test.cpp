// No file of a run folder, however edited, makes folding and reporting do anything but answer.
#include "engine/testing/fuzz.h"

#include "results/report/corpus_cards.h"
#include "results/report/report.h"
#include "results/runs/sentences.h"
#include "results/runs/workspace_fixture.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

// The first character of a text says which of these it is.
constexpr std::array kFiles = {"trainings/aaaa/status.json",
                               "experiments/quick/plan.json",
                               "evaluations/bbbb/scores.json",
                               "trainings/aaaa/provenance.json",
                               "trainings/aaaa/attempts/2/events.jsonl",
                               "evaluations/bbbb/sentences/test.en-fr.bleu.txt",
                               "corpora/cccc/stats.json"};

/// Made once: a text takes the place of one file.
struct Fixture {
  FilledWorkspace place;

  Fixture() {
    place.fill();
    place.put(kFiles[5], "1 2\n");
    place.put(kFiles[6], R"({"train": {"en-fr": {"kept": 2, "read": 3, "dropped": {"blank": 1},
                             "source_lengths": [2], "target_lengths": [1, 1]}}})");
  }
};

void report(const FilledWorkspace& place) {
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  ReportSection section;
  ReportInput input;
  input.points = store.points("quick");
  input.runs = report_runs(place.workspace, store, input.points);
  make_report(section, input);
  corpus_cards(report_corpora(place.workspace, {"cccc"}));
  store.dump();
  read_sentence_counts(sentence_file(place.workspace.evaluation("bbbb"), "test", "en-fr", "bleu"));
}

FuzzTarget run_folders() {
  return {"run-folder",
          "results/report/fuzz",
          {"\"schema\": 1", "\"state\": \"done\"", "\"summary\": {", "\"values\": {", "null", "{}",
           "[]", "1e999", "-1", "9223372036854775807", "\"update\":", "\"event\":\"start\"",
           "\"event\":\"load\"", "\"points\": [", "\"axes\": {", "\n", "\"", ",", ":"},
          [](const std::string& text) {
            if (text.empty()) return;
            static Fixture fixture;
            FilledWorkspace& place = fixture.place;
            const std::string file =
                kFiles[static_cast<unsigned char>(text[0] - '0') % kFiles.size()];
            const std::string before = read_file(place.workspace.root / file);
            place.put(file, text.substr(1));
            try {
              report(place);
            } catch (const Error& error) {
              if (error.blame() == Blame::kBug) throw;
            }
            place.put(file, before);
          }};
}

TEST_CASE("a workspace survives any text in its files") {
  fuzz(run_folders(), kSmokeSeconds);
}

TEST_CASE("a workspace survives any text in its files for long", "[.][fuzz]") {
  fuzz(run_folders(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
