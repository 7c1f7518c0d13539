// The plug-ins of docs/examples as an author has them: an installed xp, one CMake file, one source.
#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstdlib>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

const char* const kExamples = "docs/examples/plugins/";

// An installed xp, and a folder to build plug-ins and to work in.
struct Author {
  TempFolder folder;
  fs::path prefix = folder.path() / "prefix", work = folder.path() / "work";

  Author() {
    if (!fs::exists(build_folder() / "components.json")) SKIP("built without xp-engine");
    fs::create_directories(work);
    ::setenv("XDG_CACHE_HOME", (folder.path() / "cache").c_str(), /*overwrite=*/1);
    succeeds({"cmake", "--install", build_folder().string(), "--prefix", prefix.string()});
  }

  static std::string succeeds(const std::vector<std::string>& command) {
    const Finished end = run_program(command);
    INFO(join(command, " ") << "\n" << end.output << end.errors);
    REQUIRE(end.exit_code == 0);
    return end.output;
  }

  // The plug-in of a folder with a CMakeLists.txt.
  fs::path build(const fs::path& source, const std::string& name) const {
    const fs::path out = folder.path() / "build" / name;
    succeeds({"cmake", "-S", source.string(), "-B", out.string(),
              "-DCMAKE_PREFIX_PATH=" + prefix.string()});
    succeeds({"cmake", "--build", out.string()});
    return out / (name + ".so");
  }

  std::string engine() const { return (prefix / "bin" / "xp-engine").string(); }
  std::string laws(const fs::path& plugin, const std::string& settings = "{}") const {
    return succeeds({engine(), "laws", "--plugin", plugin.string(), "--settings", settings});
  }
  std::vector<std::string> command(const std::vector<std::string>& words) const {
    std::vector<std::string> out = {(prefix / "bin" / "xp").string()};
    out.insert(out.end(), words.begin(), words.end());
    out.insert(out.end(), {"--workspace", (work / "ws").string()});
    return out;
  }
  Finished tries(const std::vector<std::string>& words) const {
    return run_program(command(words));
  }
  std::string xp(const std::vector<std::string>& words) const { return succeeds(command(words)); }

  // An experiment on top of the smoke test's.
  std::string spec(const std::string& text) const {
    const fs::path file = work / "x.toml";
    const std::string smoke = (fs::current_path() / "experiments/smoke.toml").string();
    write_atomic(file, fmt::format("extends = [\"{}\"]\nname = \"x\"\n{}", smoke, text));
    return file.string();
  }
  // The only run of a kind.
  fs::path run(const char* kind) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(work / "ws" / kind))
      found.push_back(entry.path());
    REQUIRE(found.size() == 1);
    return found.front();
  }
};

const char* const kOneExchange = "[sweep]\n\"model.moe.exchange.use\" = [\"scomoe-seq\"]\n";

}  // namespace

TEST_CASE("a router outside of the tree is checked, planned, trained and evaluated", "[slow]") {
  const Author author;
  const fs::path plugin = author.build(std::string(kExamples) + "router", "expert_choice");
  CHECK(author.laws(plugin) == "router expert-choice: keeps its laws\n");
  const std::string spec = author.spec(
      fmt::format("[plugins]\nload = [\"{}\"]\n[model.moe.router]\nuse = \"expert-choice\"\n"
                  "experts_per_token = 1\n{}",
                  fs::relative(plugin, author.work).string(), kOneExchange));
  const std::string wrong = author.tries({"check", spec, "--set", "experts_per_token=0"}).errors;
  CHECK(wrong.find("'experts_per_token' in [model.moe.router] is 0; must be above 0") !=
        std::string::npos);
  CHECK(author.xp({"plan", spec}).find("1 new") != std::string::npos);
  author.xp({"run", spec});
  const fs::path training = author.run("trainings");
  CHECK(read_status(training).state == State::kDone);
  CHECK(read_status(author.run("evaluations")).state == State::kDone);
  const Value settings = load_toml((training / "spec.toml").string());
  CHECK(settings.at("model").at("moe").at("router").at("experts_per_token") == 1.0);
  // The sweep's own copy, which a rebuild does not reach.
  const fs::path loaded = settings.at("plugins").at("load").at(0).get<std::string>();
  CHECK(loaded.filename() == plugin.filename());
  CHECK(loaded != plugin);
  CHECK(read_file(loaded) == read_file(plugin));
  CHECK(settings.at("plugins").at("sha256").at(0).get<std::string>().size() == 64);
  CHECK(author.xp({"plan", spec}).find("1 done") != std::string::npos);
}

TEST_CASE("a corpus outside of the tree is prepared by xp", "[slow]") {
  const Author author;
  const fs::path plugin = author.build(std::string(kExamples) + "corpus", "json_lines");
  std::string train;
  for (int i = 0; i < 300; ++i)
    train += fmt::format(
        "{{\"translation\": {{\"en\": \"the cat {} sat\", \"fr\": \"le chat {} "
        "\\u00e9tait\"}}}}\n",
        i, i);
  const std::string other = "{\"translation\": {\"en\": \"one cat\", \"fr\": \"un chat\"}}\n";
  write_atomic(author.work / "text" / "train.jsonl", train + R"({"translation": {"en": "alone"}})");
  write_atomic(author.work / "text" / "valid.jsonl", other);
  write_atomic(author.work / "text" / "test.jsonl", other + other);
  const Value settings = {{"path", (author.work / "text").string()}, {"key", "translation"}};
  CHECK(author.laws(plugin, settings.dump()) == "corpus json-lines: keeps its laws\n");
  const fs::path spec = author.work / "corpus.toml";
  write_atomic(spec, fmt::format("schema = 1\nname = \"corpus\"\n[plugins]\nload = [\"{}\"]\n"
                                 "[corpus]\nuse = \"json-lines\"\npath = \"text\"\nkey = "
                                 "\"translation\"\n[corpus.vocabulary]\nsize = 60\n",
                                 plugin.string()));
  const std::string stats = author.xp({"data", "prepare", spec.string()});
  CHECK(stats.find("untranslated 1") != std::string::npos);
  CHECK(author.xp({"data", "show", spec.string()}).find("test en-fr") != std::string::npos);
  write_atomic(author.work / "text" / "test.jsonl", "{\"translation\": {\"en\": \"\", \"fr\": 1}}");
  const Finished refused = author.tries({"data", "prepare", spec.string()});
  INFO(refused.errors);
  CHECK(refused.exit_code == 3);
  CHECK(trim(refused.errors).ends_with("test.jsonl:1: 'en' is blank; only training text may be"));
}

TEST_CASE("a metric outside of the tree scores and is resampled in reports", "[slow]") {
  const Author author;
  const fs::path plugin = author.build(std::string(kExamples) + "metric", "rouge");
  CHECK(author.laws(plugin) == "metric rouge-l: keeps its laws\n");
  ::setenv("XP_PLUGINS", plugin.c_str(), /*overwrite=*/1);
  const std::string spec = author.spec(
      "[eval]\nmetrics = [\"bleu\", \"rouge-l\"]\n[report]\ncolumns = [\"rouge-l\"]\n"
      "baseline = \"exchange == 'dense'\"\n");
  const std::string report = author.xp({"run", spec});
  ::unsetenv("XP_PLUGINS");
  CHECK(report.find("rouge-l") != std::string::npos);
  CHECK(report.find("Δ to exchange dense") != std::string::npos);
  const Finished without = author.tries({"report", spec});
  CHECK(without.exit_code == 3);
  CHECK(without.errors.find("no metric named 'rouge-l'; known: ") != std::string::npos);
}

TEST_CASE("the component that README shows is one, and works outside of the tree as it is",
          "[slow]") {
  const Author author;
  const std::string readme = read_file("README.md"), begin = "```cpp\n";
  const size_t at = readme.find(begin) + begin.size();
  const fs::path source = author.folder.path() / "warm";
  write_atomic(source / "warm.cpp", readme.substr(at, readme.find("```", at) - at));
  write_atomic(source / "CMakeLists.txt",
               "cmake_minimum_required(VERSION 3.25)\nproject(warm LANGUAGES CXX)\n"
               "find_package(xp REQUIRED)\nxp_add_plugin(warm warm.cpp)\n");
  const fs::path plugin = author.build(source, "warm");
  CHECK(author.laws(plugin) == "schedule warm: keeps its laws\n");
  ::setenv("XP_PLUGINS", plugin.c_str(), /*overwrite=*/1);
  const std::string listed =
      Author::succeeds({(author.prefix / "bin" / "xp").string(), "components", "warm"});
  ::unsetenv("XP_PLUGINS");
  CHECK(listed.find("warmup_updates") != std::string::npos);
}

namespace {

constexpr const char* kFlat = R"(#include "registry/schedule.h"
#include <csignal>
#include <cstdio>
#include <stdexcept>
namespace xp {
namespace {
struct Flat final : Schedule {
  struct Config {
    int64_t warmup_updates = 0;
    void describe(auto& field) { field("warmup_updates", warmup_updates, "not used"); }
  };
  explicit Flat(const Config&) {}
  double factor(int64_t) const override { return FACTOR; }
};
)";

struct Bad {
  const char *name, *code, *message;
};

constexpr Bad kBad[] = {
    {"nothing", "", "registers no component; XP_REGISTER does (docs/plugins.md)"},
    {"crash", "const int crashed = std::raise(SIGSEGV);",
     "crashed while it described itself (signal 11)"},
    {"throw", "int luck() { throw std::runtime_error(\"no luck\"); } const int thrown = luck();",
     "crashed while it described itself (signal 6): what():  no luck"},
    {"taken", "XP_REGISTER(Schedule, Flat, \"cosine\", \"taken\");",
     "registers the schedule 'cosine', which plugins/schedule/cosine.cpp has already; give it "
     "another name"},
    {"twice",
     "using Same = Flat; XP_REGISTER(Schedule, Flat, \"flat\", \"one\");"
     "XP_REGISTER(Schedule, Same, \"flat\", \"two\");",
     "registers the schedule 'flat' twice; give one of them another name"},
    {"unresolved", "} int elsewhere(); namespace { const int gone = elsewhere();",
     "cannot be loaded: "},
};

}  // namespace

TEST_CASE("a plug-in that cannot be used is refused and harms nobody", "[slow]") {
  const Author author;
  const fs::path source = author.folder.path() / "bad";
  std::string build =
      "cmake_minimum_required(VERSION 3.25)\nproject(bad LANGUAGES CXX)\nfind_package(xp "
      "REQUIRED)\nadd_compile_definitions(FACTOR=1.0)\n";
  const auto add = [&](const std::string& name, const std::string& code) {
    write_atomic(source / (name + ".cpp"), kFlat + code + "\n}\n}\n");
    build += fmt::format("xp_add_plugin({} {}.cpp)\n", name, name);
  };
  for (const auto& [name, code, message] : kBad)
    add(name, code);
  add("noisy",
      "const int said = std::puts(\"{ not an answer\");"
      "XP_REGISTER(Schedule, Flat, \"flat\", \"no decay\");");
  write_atomic(source / "CMakeLists.txt", build);
  const fs::path noisy = author.build(source, "noisy");
  const auto refusal = [&](const fs::path& plugin) {
    const Finished end = author.tries(
        {"check", author.spec(fmt::format("[plugins]\nload = [\"{}\"]\n", plugin.string()))});
    CHECK(end.exit_code == 3);
    return end.errors;
  };
  for (const auto& [name, code, message] : kBad) {
    const std::string said = refusal(noisy.parent_path() / (std::string(name) + ".so"));
    INFO(said);
    CHECK(said.find(message) != std::string::npos);
    CHECK(said.find("x.toml:4:9: ") != std::string::npos);
  }
  author.xp({"check", author.spec(fmt::format(
                          "[plugins]\nload = [\"{}\"]\n[train.schedule]\nuse = \"flat\"\n"
                          "[sweep]\n\"train.seed\" = [1]\n",
                          noisy.string()))});

  std::string bytes = read_file(noisy);
  const size_t at = bytes.find("LibTorch=");
  REQUIRE(at != std::string::npos);
  bytes[at + 9] = '9';
  write_atomic(author.work / "old.so", bytes);
  const std::string old = refusal(author.work / "old.so");
  CHECK(old.find("old.so' was built with LibTorch 9.") != std::string::npos);
  write_atomic(author.work / "half.so", std::string_view(bytes).substr(0, bytes.size() / 2));
  CHECK(refusal(author.work / "half.so").find("is not a whole shared object for this machine") !=
        std::string::npos);
}
