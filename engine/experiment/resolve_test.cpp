// Ids depend on what is meant, not on how it is written.
#include "engine/experiment/resolve.h"

#include "engine/base/toml.h"
#include "engine/experiment/catalog_fixture.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

// All sections of a point in one.
struct Resolved {
  Value settings = Value::object(), corpus = Value::object(), training = Value::object(),
        evaluation = Value::object();
};

Resolved resolve(const Value& written) {
  static const Catalog catalog = fixture_catalog();
  Resolved out;
  for (const char* name : {"model", "corpus", "eval", "launch", "train"}) {
    const Section section = resolve_section(catalog, name, written.value(name, Value()),
                                            evaluation_exchange(catalog, out.settings["model"]));
    out.settings[name] = section.table;
    out.corpus.update(section.corpus);
    out.training.update(section.training);
    out.evaluation.update(section.evaluation);
  }
  return out;
}

Resolved resolved(const std::string& text) {
  Problems problems;
  const Value value = parse_toml("[corpus]\nuse = \"dummy\"\n" + text, "", problems).value;
  problems.raise();
  return resolve(value);
}

void check_same(const Resolved& a, const Resolved& b) {
  CHECK(a.corpus == b.corpus);
  CHECK(a.training.dump() == b.training.dump());
  CHECK(a.evaluation.dump() == b.evaluation.dump());
}

TEST_CASE("every default is filled in") {
  const Value settings = resolved("").settings;
  CHECK(settings["model"]["moe"]["exchange"]["use"] == "gshard");
  CHECK(settings["model"]["moe"]["router"]["normalize"] == true);
  CHECK(settings["train"]["optimizer"]["lr"] == 5e-4);
  CHECK(settings["corpus"]["vocabulary"]["size"] == 32000);
  CHECK(settings["launch"]["use"] == "local");
}

TEST_CASE("defaults made explicit and integers for floats change nothing") {
  check_same(resolved("[model]\nwidth = 512\nuse = \"transformer\"\n[train]\nclip_norm = 1\n"),
             resolved("[train.optimizer]\nbetas = [0.9, 0.98]\n"));
}

TEST_CASE("a resolved point resolves to itself") {
  const Resolved once = resolved(
      "[model]\npreset = \"tiny\"\n[model.moe.exchange]\n"
      "use = \"scomoe-seq\"\n");
  check_same(resolve(once.settings), once);
  Problems problems;
  check_same(resolve(parse_toml(to_toml(once.settings), "", problems).value), once);
}

TEST_CASE("a preset changes defaults and is no part of ids") {
  check_same(resolved("[model]\npreset = \"tiny\"\n"),
             resolved("[model]\nwidth = 64\nheads = 4\n"));
  CHECK(resolved("[model]\npreset = \"tiny\"\nwidth = 32\n").settings["model"]["width"] == 32);
}

TEST_CASE("keys that a component lacks are dropped") {
  check_same(
      resolved(
          "[model.moe.exchange]\nuse = \"gshard\"\nalpha = 0.1\n[eval.exchange]\nalpha = 0.1\n"),
      resolved(""));
}

TEST_CASE("each setting enters the ids of its scope only") {
  const Resolved base = resolved("");
  const Resolved beam = resolved("[eval]\nbeam = 1\n");
  CHECK(beam.training == base.training);
  CHECK(beam.evaluation != base.evaluation);
  const Resolved ranks = resolved("[launch]\nnodes = 2\n");
  CHECK(ranks.training != base.training);
  check_same(resolved("[launch]\nthreads_per_rank = 4\ndevice = \"cpu\"\n"), base);
}

TEST_CASE("the evaluation's exchange has the settings that the component declares for it") {
  const auto exchange = [](const std::string& use, const std::string& more = "") {
    const std::string trained = "[model.moe.exchange]\nalpha = 0.3\nbeta = 0.4\nuse = ";
    return resolved(trained + "\"" + use + "\"\n" + more)
        .settings["eval"]
        .value("exchange", Value());
  };
  CHECK(exchange("scomoe-seq") == Value{{"alpha", 0.0}, {"beta", 0.0}});
  CHECK(exchange("scomoe-feat") == Value{{"alpha", 0.3}, {"beta", 0.4}});
  CHECK(exchange("scomoe-seq", "[eval.exchange]\nbeta = 1\n") ==
        Value{{"alpha", 0.0}, {"beta", 1.0}});
  CHECK(exchange("gshard").is_null());
  CHECK(exchange("scomoe-seq", "[model.moe]\nevery = 0\n").is_null());
}

TEST_CASE("ids know the evaluation's exchange by the paths of before [eval.exchange]") {
  const auto evaluation = [](const std::string& use) {
    return resolved("[model.moe.exchange]\nalpha = 0.3\nuse = \"" + use + "\"\n").evaluation;
  };
  CHECK(evaluation("scomoe-seq")["eval.alpha"] == 0.0);
  CHECK(evaluation("scomoe-feat")["eval.alpha"] == 0.3);
  CHECK(evaluation("scomoe-feat")["eval.beta"] == 0.5);
  CHECK_FALSE(evaluation("gshard").contains("eval.alpha"));
  CHECK_FALSE(evaluation("scomoe-seq").contains("eval.exchange.alpha"));
}

TEST_CASE("without experts their settings change nothing, whatever makes the model dense") {
  const Resolved dense = resolved("[model.moe]\nevery = 0\n");
  check_same(resolved("[model.moe]\nevery = 0\nexperts = 4\nexchange.use = \"scomoe-seq\"\n"),
             dense);
  check_same(resolved("[model.moe]\nexperts = 4\nexchange.use = \"dense\"\n"
                      "[eval]\ncapacity_fraction = 1\n"),
             dense);
  CHECK(resolved("").training != dense.training);
}

TEST_CASE("compatibility with the predecessor also changes the ids of dense models") {
  Declaration model = fixture_model();
  model.settings.push_back(
      fixture_setting("moe.compatibility", Type::kText, "none", one_of({"none", "seed"})));
  const Catalog catalog = fixture_catalog({model});
  const auto training = [&](const char* whose) {
    const Value moe = {{"every", 0}, {"compatibility", whose}};
    return resolve_section(catalog, "model", {{"moe", moe}}, Value()).training;
  };
  CHECK(training("seed") != training("none"));
}

TEST_CASE("ids know components of a plug-in by name and version") {
  Declaration router = fixture_part("router", "mine", {}), metric = fixture_part("metric", "m", {});
  router.version = "2";
  metric.version = "b";
  const Catalog catalog = fixture_catalog({router, metric});
  const Section model =
      resolve_section(catalog, "model", {{"moe", {{"router", {{"use", "mine"}}}}}}, Value());
  CHECK(model.training["model.moe.router.use"] == "mine@2");
  CHECK(model.table["moe"]["router"]["use"] == "mine");
  const Section eval = resolve_section(catalog, "eval", {{"metrics", Value::array({"bleu", "m"})}},
                                       evaluation_exchange(catalog, model.table));
  CHECK(eval.evaluation["eval.metrics"] == Value::array({"bleu", "m@b"}));
  CHECK(eval.table["metrics"] == Value::array({"bleu", "m"}));
}

constexpr const char* kMine =
    "[eval]\nmetrics = [\"bleu\", \"mine\"]\n[eval.metric.mine]\nuse = \"command\"\n"
    "command = [\"score\", \"{input}\"]\ntimeout_s = 5\n";

TEST_CASE("settings of metrics are part of the evaluation's id if they are not the defaults") {
  const std::string chrf = "[eval]\nmetrics = [\"chrf\"]\n";
  const Resolved plain = resolved(chrf);
  CHECK_FALSE(plain.settings["eval"].contains("metric"));
  const Resolved same = resolved(chrf + "[eval.metric.chrf]\nlowercase = false\n");
  check_same(same, plain);
  CHECK(same.settings["eval"]["metric"]["chrf"]["lowercase"] == false);  // rows may name it
  const Resolved set = resolved(chrf + "[eval.metric.chrf]\nlowercase = true\n");
  CHECK(set.settings["eval"]["metric"]["chrf"]["lowercase"] == true);
  CHECK(set.evaluation["eval.metric.chrf.lowercase"] == true);
  CHECK(set.training == plain.training);
  // Of a metric that is not listed nothing counts.
  check_same(resolved("[eval.metric.chrf]\nlowercase = true\n"), resolved(""));
}

TEST_CASE("a metric of one's own is its component and its settings") {
  const Resolved mine = resolved(kMine);
  CHECK(mine.settings["eval"]["metric"]["mine"] ==
        Value{{"use", "command"}, {"command", {"score", "{input}"}}, {"timeout_s", 5.0}});
  CHECK(mine.evaluation["eval.metric.mine.use"] == "command");
  CHECK(mine.evaluation["eval.metric.mine.command"] == Value{"score", "{input}"});
  CHECK_FALSE(mine.evaluation.contains("eval.metric.mine.timeout_s"));  // changes no score
  check_same(resolve(mine.settings), mine);
}

}  // namespace
}  // namespace xp
