// Plug-ins are described once, by another process, whatever happens in it.
#include "engine/experiment/plugins.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/experiment/catalog_fixture.h"
#include "engine/testing/elf_fixture.h"
#include "engine/testing/message.h"
#include "registry/plugin.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

Declaration part(const std::string& kind, const std::string& name) {
  return fixture_part(kind, name, {fixture_setting("alpha", Type::kNumber, 0.5)});
}

std::string answer(const std::vector<Declaration>& parts) {
  Value declarations = Value::array();
  for (const auto& one : parts)
    declarations.push_back(to_json(one));
  return Value{{"schema", 1}, {"declarations", declarations}}.dump();
}

// A plug-in as far as stamps go, and a program that answers for it and counts how often.
struct Bench {
  TempFolder folder;
  fs::path file = folder.path() / "my.so";
  PluginDescriber describer{folder.path() / "engine", folder.path() / "cache"};

  Bench() { write_atomic(file, stamped_object(own_stamp())); }

  void engine_does(const std::string& script) const {
    write_atomic(describer.engine, fmt::format("#!/bin/sh\necho >> '{}'\n{}\n",
                                               (folder.path() / "calls").string(), script));
    fs::permissions(describer.engine, fs::perms::owner_all);
  }
  void engine_answers(const std::vector<Declaration>& parts) const {
    engine_does("cat <<'END'\n" + answer(parts) + "\nEND");
  }
  size_t calls() const { return read_file(folder.path() / "calls").size(); }
  Plugin described() const { return describe_plugin(file, describer); }
  std::string refusal() const {
    return message_of([&] { described(); });
  }
  std::string about(const char* rest) const {
    return fmt::format("the plug-in '{}' {}", file.string(), rest);
  }
};

TEST_CASE("a plug-in is described once and known by its hash") {
  const Bench bench;
  bench.engine_answers({part("router", "mine")});
  const Plugin first = bench.described(), second = bench.described();
  CHECK(bench.calls() == 1);
  CHECK(first.file == bench.file);
  CHECK(first.sha256.size() == 64);
  CHECK_FALSE(first.is_of_xp);
  CHECK(second.declarations.front().name == "mine");
  CHECK(second.declarations.front().settings.front().name == "alpha");
  CHECK(second.declarations.front().file == "plugins/fixture.cpp of " + bench.file.string());
}

TEST_CASE("another content of the file is described again") {
  const Bench bench;
  bench.engine_answers({part("router", "mine")});
  bench.described();
  write_atomic(bench.file, shared_object({{"xp", 1, own_stamp()}}));
  bench.described();
  CHECK(bench.calls() == 2);
}

TEST_CASE("a damaged answer in the cache is asked for again") {
  const Bench bench;
  bench.engine_answers({part("metric", "mine")});
  bench.described();
  for (const char* damage : {"", "{", "[]", "{\"declarations\": [{}]}", "{\"declarations\": []}"}) {
    for (const auto& entry : fs::directory_iterator(bench.describer.cache))
      write_atomic(entry.path(), damage);
    CHECK(bench.described().is_of_xp);
  }
  CHECK(bench.calls() == 6);
}

TEST_CASE("a cache that cannot be written is done without") {
  Bench bench;
  bench.engine_answers({part("metric", "mine")});
  bench.describer.cache = bench.file / "below a file";
  CHECK(bench.described().declarations.size() == 1);
}

TEST_CASE("a plug-in that fails to describe itself is named with what happened") {
  const Bench bench;
  bench.engine_does("kill -SEGV $$");
  CHECK(bench.refusal() == bench.about("crashed while it described itself (signal 11)"));
  bench.engine_does("echo 'terminate called' >&2; kill -ABRT $$");
  CHECK(bench.refusal() ==
        bench.about("crashed while it described itself (signal 6): terminate called"));
  bench.engine_does("kill -ALRM $$");
  CHECK(bench.refusal() == bench.about("did not describe itself within a minute; what it does at "
                                       "its start must be short"));
  bench.engine_does("echo 'xp-engine: no luck' >&2; exit 1");
  CHECK(bench.refusal() == bench.about("could not be described: no luck"));
  bench.engine_does("echo 'xp-engine: my.so has bad manners' >&2; exit 3");
  CHECK(bench.refusal() == "my.so has bad manners");
  bench.engine_does("echo hello");
  CHECK(bench.refusal() == bench.about("could not be described: '") +
                               bench.describer.engine.string() + "' gave no declarations");
}

TEST_CASE("a plug-in is either for xp or for xp-engine, and of known kinds") {
  const Bench bench;
  bench.engine_answers({part("router", "mine"), part("metric", "yours")});
  CHECK(bench.refusal() == bench.about("has the metric 'yours', which `xp` itself runs, and the "
                                       "router 'mine', which needs LibTorch; make two plug-ins of "
                                       "it"));
  const Bench other;
  other.engine_answers({part("oracle", "mine")});
  CHECK(other.refusal() ==
        other.about("declares 'mine' of the kind 'oracle'; kinds of components are corpus, "
                    "tokenizer, metric, launcher, renderer, schedule, model, router, exchange, "
                    "optimizer"));
}

TEST_CASE("a figure that cannot be read is refused before anything is planned with it") {
  const Bench bench;
  Declaration router = part("router", "mine");
  router.figures = {{"choices", "2 *"}};
  bench.engine_answers({router});
  CHECK(bench.refusal().starts_with(
      bench.about("declares '2 *' for the router 'mine', which cannot be read: ")));
}

TEST_CASE("without xp-engine plug-ins cannot be described") {
  const Bench bench;
  CHECK(bench.refusal() == fmt::format("'{}' is missing, which describes plug-ins; build it with "
                                       "`make build`",
                                       bench.describer.engine.string()));
}

TEST_CASE(
    "relative names start at the file that has the key, and errors have the place of the name") {
  const Bench bench;
  const fs::path base = bench.folder.path() / "bases" / "base.toml";
  write_atomic(base, "[plugins]\nload = [\"my.so\", \"../my.so\"]\n");
  const fs::path spec = bench.folder.path() / "x.toml";
  write_atomic(spec, "extends = [\"bases/base.toml\"]\nname = \"x\"\n");
  Problems problems;
  const auto names = plugin_names(read_source(spec.string(), problems));
  REQUIRE(names.size() == 2);
  bench.engine_answers({part("router", "mine")});
  CHECK(describe_plugins(names, bench.describer, problems).size() == 1);
  REQUIRE(problems.all().size() == 1);
  const Problem& problem = problems.all().front();
  CHECK(problem.code == "E007");
  CHECK(problem.place.line == 2);
  CHECK(problem.place.column == 9);
  CHECK(problem.message.ends_with("bases/my.so'; build it, or fix [plugins] load or XP_PLUGINS"));
}

TEST_CASE("a file that is named twice is one plug-in") {
  const Bench bench;
  bench.engine_answers({part("router", "mine")});
  Problems problems;
  const fs::path other_name = bench.folder.path() / "." / "my.so";
  CHECK(describe_plugins({{bench.file, {}}, {other_name, {}}}, bench.describer, problems).size() ==
        1);
  CHECK(problems.empty());
}

TEST_CASE("a component's name cannot be taken twice") {
  const Plugin plugin{"/a/my.so", "", {part("exchange", "gshard")}, false};
  CHECK(message_of([&] { with_plugins(fixture_catalog(), {plugin}); }) ==
        "the plug-in '/a/my.so' registers the exchange 'gshard', which plugins/fixture.cpp has "
        "already; give it another name");
  const Plugin other{"/a/my.so", "", {part("exchange", "mine")}, false};
  CHECK(with_plugins(fixture_catalog(), {other}).find("exchange", "mine") != nullptr);
}

TEST_CASE("run folders name plug-ins with their hashes") {
  CHECK(plugin_table({}).is_null());
  CHECK(to_toml({{"plugins", plugin_table({{"/a/my.so", "12ab", {}, false}})}}) ==
        "[plugins]\nload = [\"/a/my.so\"]\nsha256 = [\"12ab\"]\n");
}

}  // namespace
}  // namespace xp
