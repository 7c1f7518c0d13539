// Points and scores survive their files.
#include "results/runs/records.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>

namespace xp {
namespace {

using Catch::Matchers::Message;

TEST_CASE("points come back from a plan, whatever else it holds") {
  const TempFolder folder;
  const std::vector<ReportPoint> points = {
      {{{"model.moe.exchange.use", "gshard"}, {"train.optimizer.lr", 0.5}},
       RunIds{"aaaa", "bbbb"},
       2},
      {{}, {}, 1}};
  const Value plan = {{"schema", 1}, {"name", "x"}, {"points", to_json(points)}};
  write_atomic(folder.path() / "plan.json", plan.dump());
  const auto back = read_points(folder.path() / "plan.json");
  REQUIRE(back.size() == 2);
  CHECK(back[0].axes == points[0].axes);
  CHECK(back[0].ids->training == "aaaa");
  CHECK(back[0].ids->evaluation == "bbbb");
  CHECK(back[0].seed == 2);
  CHECK(back[1].axes.empty());
  CHECK_FALSE(back[1].ids);
}

TEST_CASE("scores come back as they were written, not-a-number too") {
  const TempFolder folder;
  CHECK(read_scores(folder.path()).empty());
  write_scores(folder.path(), {{"test", "en-fr", {"bleu", 21.53, "", "nrefs:1|v", true, "BLEU"}},
                               {"valid", "fr-en", {"ter", std::nan(""), "%", "", false}}});
  const auto back = read_scores(folder.path());
  REQUIRE(back.size() == 2);
  CHECK(back[0].subset == "test");
  CHECK(back[0].direction == "en-fr");
  CHECK(back[0].score.name == "bleu");
  CHECK(back[0].score.value == 21.53);
  CHECK(back[0].score.signature == "nrefs:1|v");
  CHECK(back[0].score.label == "BLEU");
  CHECK(back[1].score.label.empty());
  CHECK(back[1].score.unit == "%");
  CHECK(std::isnan(back[1].score.value));
  CHECK_FALSE(back[1].score.higher_is_better);
}

TEST_CASE("a damaged or newer file is named") {
  const TempFolder folder;
  const std::string path = (folder.path() / "scores.json").string();
  write_atomic(path, "{\"schema\": 1, \"scores\": [{\"subset\": 1}]}");
  CHECK_THROWS_MATCHES(
      read_scores(folder.path()), Error,
      Message("'" + path + "' is damaged; delete it and run the experiment again"));
  write_atomic(path, "{\"schema\": 7}");
  CHECK_THROWS_MATCHES(
      read_scores(folder.path()), Error,
      Message("'" + path +
              "' was written by a newer xp (schema 7, this one knows 1); use that xp"));
  CHECK_THROWS_AS(read_points(folder.path() / "absent.json"), Error);
}

}  // namespace
}  // namespace xp
