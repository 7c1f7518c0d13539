// What reports know about scores: from evaluations, from the metrics of this program, from [eval].
#include "results/report/report_input.h"

#include "results/report/report.h"
#include "results/runs/workspace_fixture.h"
#include "results/store/store.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace xp {
namespace {

/// A metric of this program: the share of hypotheses that are as long as their references.
struct SameLength final : Metric {
  struct Config {
    void describe(auto&) {}
  };
  explicit SameLength(const Config&) {}
  std::vector<Score> score(const Translations& texts) const override {
    double same = 0;
    for (size_t i = 0; i < texts.hypotheses.size(); ++i)
      same += texts.hypotheses[i].size() == texts.references[i].size() ? 100 : 0;
    return {{"same-length", same / static_cast<double>(texts.hypotheses.size()), "%", "", true,
             "same length"}};
  }
};
XP_REGISTER(Metric, SameLength, "same-length", "sentences as long as their references");

TEST_CASE("scores have the unit and direction that evaluations gave them") {
  FilledWorkspace place;
  place.fill();
  write_scores(place.workspace.evaluation("bbbb"),
               {{"test", "en-fr", {"same-length", 4, "permille", "", false}},
                {"test", "en-fr", {"edits", 5, "%", "", false, "edit rate"}}});
  Store store = Store::in_memory();
  store.fold_in(place.workspace);
  const Measures measures = report_measures(store, store.points("quick"));
  CHECK(measures.of("edits").better == Better::kLower);
  CHECK(measures.of("edits").label == "edit rate");
  CHECK(measures.of("same-length").better == Better::kLower);  // as recorded, not as computed now
  CHECK(measures.of("same-length").unit == "permille");
  CHECK(measures.of("same-length").label == "same length");
}

TEST_CASE("the scores of this program's metrics are known before any evaluation") {
  const Measures measures = report_measures(Store::in_memory(), {});
  CHECK(measures.of("same-length").better == Better::kHigher);
  CHECK(measures.of("same-length").unit == "%");
}

TEST_CASE("a run that will not compute a score is not called unfinished for it") {
  ReportSection section;
  section.columns = {"same-length"};
  ReportInput input;
  input.points = {{{{"model.use", "a"}}, RunIds{"t1", "e1"}, 1}};
  input.runs["t1"] = {ReportState::kDone, "", Value::object()};
  const auto told = [](const Table& table) {
    return std::count(table.notes.begin(), table.notes.end(),
                      "'same-length' is not in 'metrics' of [eval]: no evaluation computes it");
  };
  input.metrics = [](const ReportPoint&) { return std::vector<std::string>{"bleu"}; };
  const Table without = make_report(section, input);
  CHECK(without.rows[0][1].text.empty());
  CHECK(told(without) == 1);
  input.metrics = [](const ReportPoint&) { return std::vector<std::string>{"same-length"}; };
  const Table with = make_report(section, input);
  CHECK(with.rows[0][1].text == "not run");
  CHECK(told(with) == 0);
}

}  // namespace
}  // namespace xp
