// What every mistake says, to the letter; and what a good file becomes.
#include "engine/experiment/load.h"

#include "engine/base/file.h"
#include "engine/experiment/catalog_fixture.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

const char* const kHead = "name = \"t\"\n[corpus]\nuse = \"dummy\"\n";

// Files in a folder of their own, named by their short names in messages.
struct Files {
  Files() : catalog(fixture_catalog()), back(fs::current_path()) {
    fs::current_path(folder.path());
  }
  ~Files() { fs::current_path(back); }

  Files& write(const std::string& name, const std::string& text) {
    write_atomic(folder.path() / name, text);
    return *this;
  }
  std::string problems(const std::vector<std::string>& sets = {}) {
    Problems found;
    load_spec("x.toml", sets, catalog, found);
    return found.empty() ? "" : found.text();
  }
  Spec spec(const std::vector<std::string>& sets = {}) {
    Problems found;
    Spec out = load_spec("x.toml", sets, catalog, found);
    found.raise();
    return out;
  }
  TempFolder folder;
  Catalog catalog;
  fs::path back;
};

// The findings on a file that begins with the good lines of kHead.
std::string problems(const std::string& text, const std::vector<std::string>& sets = {}) {
  Files files;
  std::string found = files.write("x.toml", kHead + text).problems(sets);
  const std::string end = "\n1 error; nothing was run or written";
  if (found.ends_with(end)) found.resize(found.size() - end.size());
  return found;
}

TEST_CASE("a good file has no problems") {
  CHECK(problems("") == "");
  CHECK(problems("[model]\nwidth = 64\n[model.moe.exchange]\nuse = \"scomoe-seq\"\nalpha = 1\n") ==
        "");
}

TEST_CASE("files that cannot be used are named") {
  Files files;
  CHECK(files.problems() ==
        "x.toml: this file cannot be read: No such file or directory (code E002)\n"
        "1 error; nothing was run or written");
  CHECK(files.write("x.toml", " \n").problems() ==
        "x.toml: this file is empty; an experiment needs at least a name and [corpus] (code E003)\n"
        "1 error; nothing was run or written");
  CHECK(files.write("x.toml", "name = \"\xff\"").problems() ==
        "x.toml: this file is not UTF-8 text; save it as UTF-8 (code E004)\n"
        "1 error; nothing was run or written");
}

TEST_CASE("a syntax error in TOML has its place") {
  CHECK(problems("a = = 1\n").starts_with("x.toml:4:5: this is not TOML: "));
  CHECK(problems("a = = 1\n").ends_with("(code E001)\n  a = = 1\n      ^"));
}

TEST_CASE("of a long line what is around the mistake is shown") {
  const std::string found = problems("[train]\nsede = [" + std::string(500, ' ') + "]\n\"a" +
                                     std::string(400, 'b') + "\" = 1\n");
  CHECK(found.find("\n  sede = [" + std::string(152, ' ') + "\n  ^^^^\n") != std::string::npos);
  CHECK(found.find("\n  " + std::string(160, '^') + "\n") != std::string::npos);
}

TEST_CASE("name and corpus are required") {
  Files files;
  CHECK(files.write("x.toml", "[model]\n").problems() ==
        "x.toml: [corpus] needs the key 'use'; known: dummy, moses (code E015)\n"
        "x.toml: an experiment needs a name: name = \"...\" (code E015)\n"
        "2 errors; nothing was run or written");
}

TEST_CASE("an unknown key has a place and a name that was probably meant") {
  CHECK(problems("[model]\nwidht = 3\n") ==
        "x.toml:5:1: unknown key 'widht' in [model] (code E010)\n"
        "  widht = 3\n"
        "  ^^^^^\n"
        "  did you mean 'width'?");
  CHECK(problems("[model.moe]\nbeta = 3\n") ==
        "x.toml:5:1: unknown key 'beta' in [model.moe]; it is one of [eval.exchange] and "
        "[model.moe.exchange] (code E010)\n"
        "  beta = 3\n"
        "  ^^^^");
  CHECK(problems("[modle]\n") ==
        "x.toml:4:2: unknown section [modle] (code E013)\n"
        "  [modle]\n"
        "   ^^^^^\n"
        "  did you mean 'model'?");
}

TEST_CASE("values of another type or out of their limits say what they must be") {
  CHECK(problems("[model]\nheads = 8.0\n") ==
        "x.toml:5:9: 'heads' in [model] must be an integer, not 8.0 (code E011)\n"
        "  heads = 8.0\n"
        "          ^^^");
  CHECK(problems("[model]\ndropout = 2\n") ==
        "x.toml:5:11: 'dropout' in [model] is 2; must be at most 0.99 (code E012)\n"
        "  dropout = 2\n"
        "            ^");
  CHECK(problems("[model]\nnorm = \"per\"\n") ==
        "x.toml:5:8: 'norm' in [model] is \"per\"; must be one of pre, post (code E012)\n"
        "  norm = \"per\"\n"
        "         ^^^^^\n"
        "  did you mean 'pre'?");
  CHECK(problems("[model.moe]\nexchange = \"gshard\"\n") ==
        "x.toml:5:12: 'exchange' in [model.moe] must be a table with the key 'use', not "
        "\"gshard\" (code E011)\n"
        "  exchange = \"gshard\"\n"
        "             ^^^^^^^^");
}

TEST_CASE("unknown components are named with those that there are") {
  CHECK(problems("[model.moe.router]\nuse = \"topp2\"\n") ==
        "x.toml:5:7: no router named 'topp2'; known: top1, top2 (code E014)\n"
        "  use = \"topp2\"\n"
        "        ^^^^^^^\n"
        "  did you mean 'top2'?");
  CHECK(problems("[sweep]\nexchange = [\"gshard\", \"dnse\"]\n") ==
        "x.toml:5:23: no exchange named 'dnse'; known: dense, gshard, scomoe-feat, scomoe-seq "
        "(code E014)\n"
        "  exchange = [\"gshard\", \"dnse\"]\n"
        "                        ^^^^^^\n"
        "  did you mean 'dense'?");
  CHECK(problems("[eval]\nmetrics = [\"bleu\", \"blue\"]\n") ==
        "x.toml:5:20: no metric named 'blue'; known: bleu, chrf, command (code E014)\n"
        "  metrics = [\"bleu\", \"blue\"]\n"
        "                     ^^^^^^\n"
        "  did you mean 'bleu'?");
  CHECK(problems("[train]\nbest_metric = \"perplexity\"\n") == "");
  CHECK(problems("[train]\nbest_metric = \"loss\"\n") ==
        "x.toml:5:15: no metric named 'loss'; known: bleu, chrf, command (code E014)\n"
        "  best_metric = \"loss\"\n"
        "                ^^^^^^");
  CHECK(problems("[launch]\nuse = \"slrum\"\n") ==
        "x.toml:5:7: no launcher named 'slrum'; known: local (code E014)\n"
        "  use = \"slrum\"\n"
        "        ^^^^^^^");
}

TEST_CASE("a key must belong to a component that use takes somewhere in the sweep") {
  const std::string alpha = "[model.moe.exchange]\nalpha = 0.2\n";
  CHECK(problems(alpha) ==
        "x.toml:5:1: 'alpha' in [model.moe.exchange] is a setting of the exchange scomoe-feat or "
        "scomoe-seq, but this experiment picks gshard (code E016)\n"
        "  alpha = 0.2\n"
        "  ^^^^^");
  CHECK(problems(alpha + "[sweep]\nexchange = [\"gshard\", \"scomoe-seq\"]\n") == "");
}

TEST_CASE("what an axis, a later file or --set replaces leaves its keys legal") {
  Files files;
  files.write("base.toml",
              std::string(kHead) +
                  "[model.moe.exchange]\nuse = \"scomoe-seq\"\nalpha = 0.2\n[sweep]\n"
                  "exchange = [\"scomoe-seq\"]\n'model.moe.exchange.beta' = [0.1, 0.2]\n");
  files.write("x.toml", "extends = \"base.toml\"\n");
  CHECK(files.problems({"model.moe.exchange.use=gshard"}) == "");
  files.write("x.toml", "extends = \"base.toml\"\n[sweep]\nexchange = [\"gshard\"]\n");
  CHECK(files.problems() == "");
}

TEST_CASE("options of fairseq are replaced by settings, in tables, at the top and as axes") {
  CHECK(problems("[train]\nupdate_freq = 8\n") ==
        "x.toml:5:1: unknown key 'update_freq' in [train] (code E010)\n"
        "  update_freq = 8\n"
        "  ^^^^^^^^^^^\n"
        "  did you mean 'accumulate'?");
  CHECK(problems("[model.moe]\nratio1 = 0.2\n") ==
        "x.toml:5:1: unknown key 'ratio1' in [model.moe] (code E010)\n"
        "  ratio1 = 0.2\n"
        "  ^^^^^^\n"
        "  did you mean 'model.moe.exchange.alpha'?");
  CHECK(problems("[sweep]\n\"--update-freq\" = [1, 8]\n") ==
        "x.toml:5:1: no setting is named '--update-freq' (code E010)\n"
        "  \"--update-freq\" = [1, 8]\n"
        "  ^^^^^^^^^^^^^^^\n"
        "  did you mean 'train.accumulate'?");
  Files files;
  files.write("x.toml", std::string("fp16 = true\n") + kHead);
  CHECK(files.problems() ==
        "x.toml:1:1: unknown key 'fp16' (code E010)\n"
        "  fp16 = true\n"
        "  ^^^^\n"
        "  did you mean 'train.precision'?\n"
        "1 error; nothing was run or written");
  CHECK(files.write("x.toml", kHead).problems({"fp16=true"}) ==
        "--set fp16=true: no setting is named 'fp16' (code E010)\n"
        "  did you mean 'train.precision'?\n"
        "1 error; nothing was run or written");
}

TEST_CASE("a tail that fits two keys names both") {
  const std::string sweep = "[sweep]\nuse = [\"adam\"]\n";
  CHECK(problems(sweep) ==
        "x.toml:5:1: 'use' may be 'model.moe.exchange.use', 'model.moe.router.use' or "
        "'model.use'; write more of the path (code E017)\n"
        "  use = [\"adam\"]\n"
        "  ^^^");
}

TEST_CASE("axes are checked like values") {
  CHECK(problems("[sweep]\n\"train.sede\" = [1]\n") ==
        "x.toml:5:1: no setting is named 'train.sede' (code E010)\n"
        "  \"train.sede\" = [1]\n"
        "  ^^^^^^^^^^^^\n"
        "  did you mean 'train.seed'?");
  CHECK(problems("[sweep]\nseed = []\n") ==
        "x.toml:5:8: the axis 'seed' has no values (code E031)\n"
        "  seed = []\n"
        "         ^^");
  CHECK(problems("[sweep]\nseed = [1, 2, 1]\n") ==
        "x.toml:5:15: the axis 'seed' has 1 twice (code E033)\n"
        "  seed = [1, 2, 1]\n"
        "                ^");
  CHECK(problems("[sweep]\nseed = { repeat = 0 }\n") ==
        "x.toml:5:8: the axis 'seed': 'repeat' is 0; must be at least 1 (code E030)\n"
        "  seed = { repeat = 0 }\n"
        "         ^^^^^^^^^^^^^^");
  CHECK(problems("[sweep]\nseed = [1]\n\"train.seed\" = [2]\n") ==
        "x.toml:6:1: 'train.seed' is set by two axes; it can vary only once (code E032)\n"
        "  \"train.seed\" = [2]\n"
        "  ^^^^^^^^^^^^");
  CHECK(problems("[sweep]\n\"lr, warmup_updates\" = { zip = [[1e-3, 1], [-1, 2]] }\n") ==
        "x.toml:5:44: 'lr' in [train.optimizer] is -1; must be above 0 (code E012)\n"
        "  \"lr, warmup_updates\" = { zip = [[1e-3, 1], [-1, 2]] }\n"
        "                                             ^^^^^^^");
  CHECK(problems("[sweep]\norder = \"best\"\n") ==
        "x.toml:5:9: 'order' in [sweep] is \"best\"; must be seed-last or absent (code E012)\n"
        "  order = \"best\"\n"
        "          ^^^^^^");
}

TEST_CASE("errors in conditions have their place") {
  CHECK(problems("[sweep]\nwhere = \"seed <= \"\n") ==
        "x.toml:5:18: in the condition: expected a value, but the expression ends here "
        "(code E034)\n"
        "  where = \"seed <= \"\n"
        "                   ^");
  CHECK(problems("[report]\nbaseline = \"exchang == 'gshard'\"\n") ==
        "x.toml:5:13: no setting is named 'exchang' (code E010)\n"
        "  baseline = \"exchang == 'gshard'\"\n"
        "              ^^^^^^^\n"
        "  did you mean 'exchange'?");
}

TEST_CASE("a column of a report must be a measure or a score") {
  CHECK(problems("[report]\ncolumns = [\"step_ms\", \"stepms\"]\n") ==
        "x.toml:5:23: 'stepms' in [report] columns is neither a measure nor a score; "
        "`xp help columns` lists them (code E021)\n"
        "  columns = [\"step_ms\", \"stepms\"]\n"
        "                        ^^^^^^^^\n"
        "  did you mean 'step_ms'?");
  for (const char* column :
       {"train_loss", "predicted_step_ms", "inter_node_bytes_vs_predicted", "router_entropy"})
    CHECK(problems(fmt::format("[report]\ncolumns = [\"{}\"]\n", column)).empty());
}

TEST_CASE("a list that --set replaces is blamed as --set, whatever the file has in its place") {
  CHECK(problems("[report]\ncolumns = [\"bleu\", \"step_ms\"]\n",
                 {R"(report.columns=["bleu","stepms"])"}) ==
        "--set report.columns=[\"bleu\",\"stepms\"]: 'stepms' in [report] columns is neither a "
        "measure nor a score; `xp help columns` lists them (code E021)\n"
        "  did you mean 'step_ms'?");
}

TEST_CASE("what extends brings in is overridden and named by its own file") {
  Files files;
  files.write("base.toml", "[model]\nwidth = 64\nwidht = 3\n[train]\nmax_updates = 5\n");
  files.write("x.toml", std::string("extends = \"base.toml\"\n") + kHead + "[model]\nwidth = 32\n");
  CHECK(files.problems() ==
        "base.toml:3:1: unknown key 'widht' in [model] (code E010)\n"
        "  widht = 3\n"
        "  ^^^^^\n"
        "  did you mean 'width'?\n"
        "1 error; nothing was run or written");
  files.write("base.toml", "[model]\nwidth = 64\n[train]\nmax_updates = 5\n");
  CHECK(files.spec().settings["model"]["width"] == 32);
  CHECK(files.spec().settings["train"]["max_updates"] == 5);
}

TEST_CASE("files that extend each other or nothing are found") {
  Files files;
  files.write("a.toml", "extends = [\"x.toml\"]\n");
  files.write("x.toml", std::string("extends = [\"a.toml\", 3]\n") + kHead);
  CHECK(files.problems() ==
        "a.toml:1:12: 'x.toml' extends itself (code E006)\n"
        "  extends = [\"x.toml\"]\n"
        "             ^^^^^^^^\n"
        "x.toml:1:22: 'extends' must name a file or files, not 3 (code E005)\n"
        "  extends = [\"a.toml\", 3]\n"
        "                       ^\n"
        "2 errors; nothing was run or written");
}

TEST_CASE("the option --set takes tails, texts without quotes and fixes an axis") {
  Files files;
  files.write("x.toml", std::string(kHead) + "[sweep]\nseed = [1, 2]\nexchange = [\"gshard\"]\n");
  const Spec spec = files.spec({"lr=1e-3", "norm=post", "seed=7", "name=other"});
  CHECK(spec.name == "other");
  CHECK(spec.settings["train"]["optimizer"]["lr"] == 1e-3);
  CHECK(spec.settings["model"]["norm"] == "post");
  CHECK(spec.settings["train"]["seed"] == 7);
  CHECK(spec.sweep.keys() == std::vector<std::string>{"model.moe.exchange.use"});
  CHECK(files.problems({"seed", "sede=1", "seed=x"}) ==
        "--set sede=1: no setting is named 'sede' (code E010)\n"
        "  did you mean 'seed'?\n"
        "--set seed: --set takes path=value, such as train.seed=2 (code E020)\n"
        "--set seed=x: 'seed' in [train] must be an integer, not \"x\" (code E011)\n"
        "3 errors; nothing was run or written");
}

TEST_CASE("the option --set takes its key out of an axis of several and out of points") {
  Files files;
  files.write("x.toml",
              std::string(kHead) +
                  "[sweep]\n\"lr, warmup_updates\" = { zip = [[1e-3, 1], [1e-4, 1], [1e-4, 2]] }\n"
                  "points = [{ lr = 0.5, seed = 3 }]\n");
  const Spec spec = files.spec({"lr=1e-2"});
  REQUIRE(spec.sweep.axes.size() == 1);
  CHECK(spec.sweep.axes[0].keys == std::vector<std::string>{"train.schedule.warmup_updates"});
  CHECK(Value(spec.sweep.axes[0].values) == Value::parse("[[1], [2]]"));
  CHECK(spec.sweep.points == std::vector<SettingValues>{{{"train.seed", 3}}});
  CHECK(files.problems({"lr=1e-2", "warmup_updates=-1"}) ==
        "--set warmup_updates=-1: 'warmup_updates' in [train.schedule] is -1; must be at least 1 "
        "(code E012)\n"
        "1 error; nothing was run or written");
}

TEST_CASE("forms with whole ends make whole numbers for settings that are") {
  Files files;
  files.write("x.toml",
              std::string(kHead) +
                  "[sweep]\nwarmup_updates = { log = [1, 8, 4] }\n"
                  "seed = { random = [1, 3], samples = 20 }\nlr = { log = [1, 10, 3] }\n");
  const auto& axes = files.spec().sweep.axes;
  CHECK(Value(axes[0].values) == Value::parse("[[1], [2], [4], [8]]"));
  CHECK(axes[1].values.size() == 3);  // each once
  CHECK(axes[2].values[1][0] == 3.16227766017);
  CHECK(files.write("x.toml", std::string(kHead) + "[sweep]\nseed = { log = [0.5, 2, 2] }\n")
            .problems()
            .starts_with("x.toml:5:8: 'seed' in [train] must be an integer, not 0.5 (code E011)"));
}

TEST_CASE("a file replaces axes that it extends one by one, however they are written") {
  Files files;
  files.write("base.toml", "[sweep]\ntrain.seed = { repeat = 2 }\ntrain.optimizer.lr = [1e-3]\n");
  files.write("x.toml",
              std::string("extends = \"base.toml\"\n") + kHead + "[sweep]\ntrain.seed = [7]\n");
  const auto& axes = files.spec().sweep.axes;
  REQUIRE(axes.size() == 2);
  CHECK(axes[0].keys == std::vector<std::string>{"train.optimizer.lr"});
  CHECK(Value(axes[1].values) == Value::parse("[[7]]"));
}

TEST_CASE("axes keep the order of the file") {
  Files files;
  files.write("x.toml", std::string(kHead) +
                            "[sweep]\nseed = [1]\n\"eval.beam\" = [1]\nexchange = [\"dense\"]\n");
  CHECK(files.spec().sweep.keys() ==
        std::vector<std::string>{"train.seed", "eval.beam", "model.moe.exchange.use"});
}

TEST_CASE("settings of metrics are checked by the metrics that any point has") {
  const std::string mine =
      "[eval.metric.mine]\nuse = \"command\"\ncommand = [\"score\"]\n[eval.metric.chrf]\n"
      "lowercase = true\n";
  CHECK(problems("[eval]\nmetrics = [\"chrf\", \"mine\"]\n" + mine) == "");
  CHECK(problems(mine + "[sweep]\n\"eval.metrics\" = [[\"chrf\"], [\"mine\"]]\n") == "");
  CHECK(problems("[eval]\nmetrics = [\"chrf\", \"mine\"]\n" + mine +
                 "[sweep]\n\"mine.timeout_s\" = [1, 2]\n\"chrf.lowercase\" = [true, false]\n") ==
        "");
  CHECK(problems("[eval]\nmetrics = [\"chrf\", \"mine\"]\n" + mine +
                 "[report]\ncolumns = [\"mine\", \"mine@en-x\", \"chrf@en-de\"]\n") == "");
}

TEST_CASE("a table of metrics stays legal if a later file or --set takes its metric away") {
  Files files;
  files.write("base.toml", std::string(kHead) +
                               "[eval]\nmetrics = [\"chrf\"]\n"
                               "[eval.metric.chrf]\nlowercase = true\n");
  files.write("x.toml", "extends = [\"base.toml\"]\n[eval]\nmetrics = [\"bleu\"]\n");
  CHECK(files.problems() == "");
  files.write("x.toml", "extends = [\"base.toml\"]\n");
  CHECK(files.problems({"eval.metrics=[\"bleu\"]"}) == "");
  CHECK(files.problems({"chrf.lowercase=false"}) == "");
  CHECK(files.spec({"eval.metric.chrf.lowercase=false"}).settings["eval"]["metric"]["chrf"] ==
        Value{{"lowercase", false}});
}

}  // namespace
}  // namespace xp
