// What people's files and the documents rely on: the names of the experiment file, the experiments
// of this tree and of its documents, the starter of `xp init`.
#include "engine/experiment/fairseq_names.h"
#include "engine/experiment/schema.h"
#include "engine/testing/golden.h"
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <set>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// What `xp check` says of a file: nothing if it is well.
std::string mistakes(const User& user, const fs::path& file) {
  const Finished end = user.xp({"check", file.string()});
  return end.exit_code == 0 ? "" : end.output + end.errors;
}

// The blocks of a document that are whole experiments.
std::vector<std::string> experiments_in(const fs::path& document) {
  std::vector<std::string> out;
  const std::string text = read_file(document), begin = "```toml\nschema = 1", end = "```";
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const size_t first = text.find('\n', at) + 1;
    out.push_back(text.substr(first, text.find(end, first) - first));
  }
  return out;
}

}  // namespace

TEST_CASE("every name of the experiment file is known") {
  const User user;
  const char* const kFile = "engine/testing/contract/every_key.toml";
  CHECK(mistakes(user, kFile) == "");
  const Value plan = Value::parse(user.xp({"plan", kFile, "--json"}).output);
  CHECK(plan["points"].size() > 100);
}

TEST_CASE("every option of fairseq that hints know is replaced by a setting that exists") {
  if (!fs::exists(build_folder() / "components.json")) SKIP("built without xp-engine");
  const Catalog catalog = Catalog::of_build(build_folder() / "components.json");
  const Schema schema = Schema::of_everything(catalog);
  for (const auto& [option, path] : kFairseqNames) {
    INFO(option);
    CHECK(schema.find(std::string(path)) != nullptr);
    CHECK(schema.match(option).empty());
  }
  CHECK(schema.replacing("--ratio1") == "model.moe.exchange.alpha");
}

TEST_CASE("the experiments of this tree, of the documents and of `xp init` have no mistakes") {
  const User user;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator("experiments")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  for (const char* document : {"README.md", "docs/experiments.md"}) {
    for (const auto& text : experiments_in(document)) {
      files.push_back(user.folder.path() / fmt::format("doc{}.toml", files.size()));
      write_atomic(files.back(), text);
    }
  }
  write_atomic(user.folder.path() / "quickstart.toml", read_file("experiments/quickstart.toml"));
  const fs::path starter = user.folder.path() / "init.toml";
  REQUIRE(run_program({xp_program(), "init", starter.string()}).exit_code == 0);
  files.push_back(starter);
  CHECK(files.size() >= 9);
  for (const auto& file : files) {
    INFO(file);
    CHECK(mistakes(user, file) == "");
  }
}

TEST_CASE("what does not fit together is told by the components before anything starts") {
  const User user;
  const auto cases = golden_cases("engine/testing/contract/rules.txt");
  CHECK(cases.size() == 11);
  for (const auto& one : cases) {
    INFO(one.name);
    write_atomic(user.folder.path() / "x.toml",
                 "name = \"t\"\n[corpus]\nuse = \"dummy\"\n" + one.input);
    const std::string program = xp_program();
    const Finished end = run_program({program, "check", "x.toml"}, user.folder.path());
    CHECK(end.exit_code == 3);
    CHECK(end.errors == one.expected);
  }
}

TEST_CASE("the sweep over alpha, beta and capacity on WMT is planned without any data") {
  const User user;
  const Finished plan = user.xp({"plan", "experiments/wmt_scomoe_sweep.toml", "--json"});
  INFO(plan.errors);
  REQUIRE(plan.exit_code == 0);
  const Value points = Value::parse(plan.output)["points"];
  std::set<std::string> exchanges, presets;
  for (const auto& point : points) {
    exchanges.insert(point["axes"]["model.moe.exchange.use"]);
    presets.insert(point["axes"]["model.preset"]);
    CHECK(point["figures"]["inter_node_bytes"] >= 0);
  }
  CHECK(points.size() == 176);
  CHECK(exchanges == std::set<std::string>{"gshard", "scomoe-feat", "scomoe-seq"});
  CHECK(presets == std::set<std::string>{"base", "large"});
  CHECK_FALSE(fs::exists(user.workspace));
}
