// Commands as a person types them: what they write and their exit codes.
#include "engine/base/file.h"
#include "engine/cli/commands/typing_fixture.h"
#include "engine/cli/parser/exit_code.h"
#include "engine/cli/points/devices.h"
#include "engine/cli/points/run_folder.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>

namespace xp {
namespace {

// A workspace with two runs that were started.
struct Runs {
  Runs() {
    write(workspace.training("aaaa000000000000"), "[train]\nseed = 1\n[model]\nuse = \"m\"\n",
          20.5);
    write(workspace.training("aaaa111111111111"), "[train]\nseed = 2\n[model]\nuse = \"m\"\n", 21);
    fs::create_directories(workspace.evaluation("bbbb000000000000"));
  }
  static void write(const fs::path& run, const std::string& spec, double bleu) {
    write_atomic(run / "spec.toml", spec);
    write_status(run, {State::kDone, 1, 0, 0, "", {{"valid_bleu", bleu}}});
  }
  TempFolder folder;
  Workspace workspace{folder.path()};
};

TEST_CASE("runs are named by the beginning of their id") {
  const Runs runs;
  CHECK(find_run(runs.workspace, "aaaa1").id == "aaaa111111111111");
  CHECK(message_of([&] { find_run(runs.workspace, "aaa"); }) ==
        "'aaa' is too short for a run; give at least 4 digits of its id");
  CHECK(message_of([&] { find_run(runs.workspace, "aaaa"); }) ==
        "'aaaa' may be training aaaa000000000000 or training aaaa111111111111; give more digits");
  CHECK(message_of([&] { find_run(runs.workspace, "cccc"); }) ==
        "no run of '" + runs.folder.path().string() +
            "' begins with 'cccc'; `xp status FILE` and `xp plan FILE` list ids");
  CHECK(message_of([&] { find_run(runs.workspace, "bbbb"); }) ==
        "evaluation bbbb000000000000 has not been started yet; `xp run` starts it");
}

TEST_CASE("a run that is not there is a mistake of the command line") {
  const Runs runs;
  CHECK(type({"show", "cccc", "--workspace", runs.folder.path().string()}).exit_code ==
        Exit::kUsage);
}

TEST_CASE("a workspace that is not there is not made by help or by looking into it") {
  const TempFolder folder;
  const std::string missing = (folder.path() / "missing").string();
  using Words = std::vector<std::string>;
  for (const Words& words :
       {Words{"run", "--help"}, Words{"status"}, Words{"watch"}, Words{"why", "last"},
        Words{"logs", "last"}, Words{"sql", "select 1"}, Words{"export"}, Words{"db", "rebuild"},
        Words{"cancel", "last", "--yes"}}) {
    Words typed = words;
    typed.insert(typed.end(), {"--workspace", missing});
    CAPTURE(words);
    type(typed);
    CHECK_FALSE(fs::exists(missing));
  }
}

TEST_CASE("diff shows settings and results that differ") {
  const Runs runs;
  const Typed diff = type({"diff", "aaaa0", "aaaa1", "--workspace", runs.folder.path().string()});
  CHECK(diff.exit_code == 0);
  CHECK(diff.output ==
        "A = training aaaa000000000000, B = training aaaa111111111111\n"
        "setting     A  B\n"
        "train.seed  1  2\n"
        "\n"
        "result      A     B\n"
        "valid_bleu  20.5  21.0\n");
}

TEST_CASE("show names the place of each value that a plan remembers") {
  const Runs runs;
  const std::string where = runs.folder.path().string();
  write_atomic(runs.workspace.experiment("t") / "plan.json",
               R"({"points": [{"training": "aaaa000000000000", "evaluation": ""}],
                   "origins": {"train.seed": "x.toml:3"}})");
  CHECK(type({"show", "aaaa0", "--workspace", where}).output ==
        "training aaaa000000000000: done, " + where +
            "/trainings/aaaa000000000000\n"
            "model.use   \"m\"  default\n"
            "train.seed  1    x.toml:3\n");
  write_atomic(runs.workspace.experiment("t") / "plan.json",
               R"({"points": [{"training": "aaaa000000000000", "evaluation": "", "further": 1}],
                   "axis_origins": {"model.use": "x.toml:5"},
                   "origins": {"train.seed": "x.toml:3"},
                   "further_origins": [{}, {"train.seed": "x.toml:9"}]})");
  CHECK(type({"show", "aaaa0", "--workspace", where})
            .output.ends_with("model.use   \"m\"  default\n"
                              "train.seed  1    x.toml:9\n"));
}

// An experiment of one point, all of whose runs are done.
struct Done {
  Done() {
    write_atomic(file, "name = \"t\"\n[corpus]\nuse = \"dummy\"\n");
    const Value plan = Value::parse(xp({"plan", file.string(), "--json"}).output);
    for (const auto& run : {workspace.training(plan["points"][0]["training"]),
                            workspace.evaluation(plan["points"][0]["evaluation"])}) {
      write_atomic(run / "spec.toml", "[train]\nseed = 1\n");
      write_status(run, {State::kDone, 1, 0, 0, "", Value::object()});
    }
  }
  Typed xp(std::vector<std::string> words) const {
    words.insert(words.end(), {"--workspace", workspace.root.string()});
    return type(std::move(words));
  }
  TempFolder folder;
  Workspace workspace{folder.path() / "w"};
  fs::path file = folder.path() / "x.toml";
};

TEST_CASE("an experiment that has nothing left to do is recorded, too") {
  const Done done;
  CHECK_FALSE(fs::exists(done.workspace.experiment("t")));
  CHECK(done.xp({"run", done.file.string()}).exit_code == Exit::kDone);
  CHECK(fs::exists(done.workspace.experiment("t") / "plan.json"));
  CHECK(done.xp({"status"}).output.starts_with("experiment"));
  CHECK(done.xp({"status"}).output.find("\nt ") != std::string::npos);
}

TEST_CASE("a second file of one name is refused before it takes the plan of the first") {
  const Done done;
  CHECK(done.xp({"run", done.file.string()}).exit_code == Exit::kDone);
  const std::string before = read_file(done.workspace.experiment("t") / "plan.json");
  const std::string second = (done.folder.path() / "y.toml").string();
  write_atomic(second, read_file(done.file) + "[train]\nseed = 2\n");
  for (const char* command : {"plan", "run", "prune"})
    CHECK(done.xp({command, second}).exit_code == Exit::kSpec);
  CHECK(read_file(done.workspace.experiment("t") / "plan.json") == before);
  fs::remove(done.file);  // renamed, not copied
  CHECK(done.xp({"plan", second}).exit_code == Exit::kDone);
}

TEST_CASE("init writes an experiment once and never over another") {
  const TempFolder folder;
  const std::string file = (folder.path() / "x.toml").string();
  CHECK(type({"init", file}).output == "wrote " + file + "\nnext: xp plan " + file + "\n");
  CHECK(type({"init"}).output == read_file(file));
  write_atomic(file, "mine");
  CHECK(type({"init", file}).exit_code == Exit::kUsage);
  CHECK(read_file(file) == "mine");
}

TEST_CASE("the schema is JSON with every section") {
  const Value schema = Value::parse(type({"schema"}).output);
  CHECK(schema["properties"]["train"]["properties"]["seed"]["type"] == "integer");
  CHECK(schema["properties"]["corpus"]["properties"]["use"]["enum"].is_array());
  CHECK(schema["additionalProperties"] == false);
}

TEST_CASE("completion offers commands, options, settings, files and runs") {
  const Runs runs;
  const auto last = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"complete", "--"});
    return type(std::move(words)).output;
  };
  CHECK(last({"pl"}) == "plan\n");
  CHECK(last({"plan", "--ex"}) == "--exit-code\n");
  CHECK(last({"plan", "--set", "train.sched"}).find("train.schedule.use=\n") != std::string::npos);
  CHECK(last({"plan", "--set", "train.precision=b"}) == "train.precision=bf16\n");
  CHECK(last({"completions", "z"}) == "zsh\n");
  CHECK(last({"nothing", ""}).empty());
  CHECK(last({"db", ""}) == "check\nrebuild\nvacuum\n");
  CHECK(last({"export", "--table", "se"}) == "seed_groups\nsettings\n");
  CHECK(last({"report", "--at", "tok"}) == "tokens=\n");
  const fs::path file = runs.folder.path() / "x.toml";
  write_atomic(file, "name = \"x\"\n[sweep]\n\"train.seed\" = [1, 2]\n");
  CHECK(last({"report", file.string(), "--rows", "steps,"}) == "steps,seed\n");
  CHECK(last({"status", file.string(), "seed="}).find("seed=2\n") != std::string::npos);
  CHECK(last({"plan", "experiments/sm"}) == "experiments/smoke.toml\n");
  CHECK(last({"show", "--workspace", runs.folder.path().string(), "bb"}) == "bbbb000000000000\n");
}

TEST_CASE("shells have their script") {
  for (const char* shell : {"bash", "zsh", "fish"})
    CHECK(type({"completions", shell}).output.find(" complete -- ") != std::string::npos);
  CHECK(type({"completions", "basch"}).exit_code == Exit::kUsage);
}

TEST_CASE("mistakes in the command line have their own exit code") {
  CHECK(type({"pln"}).exit_code == Exit::kUsage);
  CHECK(type({"plan"}).exit_code == Exit::kUsage);
  CHECK(type({"plan", "x.toml", "--jsn"}).exit_code == Exit::kUsage);
  CHECK(type({"check", "/nowhere/x.toml"}).exit_code == Exit::kSpec);
  CHECK(type({"--version"}).exit_code == Exit::kDone);
  CHECK(type({"check", "/dev/null"}).exit_code == Exit::kUsage);  // as /dev/stdin of a pipe
  CHECK(type({"status", "--workspace", ""}).exit_code == Exit::kUsage);
  CHECK(type({"run", "x.toml", "-j", "-1"}).exit_code == Exit::kUsage);
}

TEST_CASE("docs/commands.md is what the commands declare") {
  // If not: build/xp help --markdown > docs/commands.md
  CHECK(read_file("docs/commands.md") == type({"help", "--markdown"}).output);
}

TEST_CASE("help explains commands and topics") {
  CHECK(type({"help", "gc"}).output == type({"gc", "--help"}).output);
  CHECK(type({"help", "exit-codes"})
            .output.find("    4  part of it failed: some runs, or sentences that could not be "
                         "translated; the rest is done\n") != std::string::npos);
  CHECK(type({"help", "selectors"}).output.find("state:failed") != std::string::npos);
  CHECK(type({"help", "environment"}).output.find("XP_WORKSPACE  the workspace") !=
        std::string::npos);
  CHECK(type({"help", "selecters"}).exit_code == Exit::kUsage);
  CHECK(type({"components", "gc"}).output == type({"gc", "--help"}).output);
}

TEST_CASE("help explains a setting by its path, its tail or what fairseq calls it") {
  const std::string text =
      "train.accumulate\n"
      "  meaning  micro-batches per update; larger batches without more memory\n"
      "  default  1\n"
      "  type     an integer\n"
      "  limits   >= 1\n"
      "  change   trains and evaluates again\n"
      "  of       section train, registry/sections.cpp\n";
  CHECK(type({"help", "accumulate"}).output == text);
  CHECK(type({"components", "train.accumulate"}).output == text);
  CHECK(type({"help", "--update-freq"}).output ==
        "--update-freq of fairseq is train.accumulate here\n\n" + text);
  CHECK(type({"help", "--max-tokens"}).output.starts_with("train.max_tokens\n  meaning  per rank"));
  CHECK(type({"help", "--update-frequency"}).exit_code == Exit::kUsage);
  CHECK(type({"show", "--update-freq"}).exit_code == Exit::kUsage);
}

// xp-engine in an empty folder, or beside a file in the place of the module for GPUs.
struct OtherEngine {
  explicit OtherEngine(bool has_module) {
    if (has_module) write_atomic(folder.path() / "libxp_cuda.so", "");
    ::setenv("XP_ENGINE", (folder.path() / "xp-engine").c_str(), 1);
  }
  ~OtherEngine() { ::unsetenv("XP_ENGINE"); }
  TempFolder folder;
};

// The first problem that `check` finds.
Value problem_of(const std::string& settings) {
  const TempFolder folder;
  const std::string file = (folder.path() / "x.toml").string();
  write_atomic(file, "name = \"t\"\n[corpus]\nuse = \"dummy\"\n" + settings);
  return Value::parse(type({"check", file, "--json", "--workspace", (folder.path() / "w").string()})
                          .output)["problems"][0];
}

TEST_CASE("a device that is not there is found before anything starts") {
  {
    const OtherEngine engine(false);
    const Value found = problem_of("[launch]\ndevice = \"cuda\"\n");
    CHECK(found["code"] == "E039");
    CHECK(found["line"] == 5);
    CHECK(found["message"] ==
          "'device' is \"cuda\", but this xp-engine computes on the CPU only: '" +
              (engine.folder.path() / "libxp_cuda.so").string() +
              "' is not there; build it with `scripts/setup.sh cuda`, or use \"auto\" or \"cpu\"");
    const Value half = problem_of("[train]\nprecision = \"fp16\"\n");
    CHECK(half["line"] == 5);
    CHECK(half["message"] ==
          "'precision' is \"fp16\", which needs a GPU, but this machine computes on its "
          "processors: this xp-engine has no module for GPUs; use \"bf16\" or \"fp32\"");
  }
  if (!gpus().gpus.empty()) SKIP("this machine has a GPU");
  const OtherEngine engine(true);
  const std::string message = problem_of("[launch]\ndevice = \"cuda\"\n")["message"];
  CHECK(message.starts_with("'device' is \"cuda\", but this machine has no GPU: "));
  CHECK(message.ends_with(
      "; use \"auto\" or \"cpu\", or a launcher that reaches machines with GPUs"));
}

TEST_CASE("doctor says what is missing and with what exit code") {
  const Runs runs;
  const Typed doctor = type({"doctor", "--json", "--workspace", runs.folder.path().string(),
                             "--mirror", "/no/such/folder"});
  const Value findings = Value::parse(doctor.output)["findings"];
  CHECK(doctor.exit_code == Exit::kPreflight);
  CHECK(findings.back()["advice"] == "is not a folder; fix XP_MIRROR or --mirror");
  CHECK(std::any_of(findings.begin(), findings.end(),
                    [](const Value& one) { return one["what"] == "test-queue"; }));
  const auto answer = [&findings](const char* what) {
    const auto found = std::find_if(findings.begin(), findings.end(),
                                    [&](const Value& one) { return one["what"] == what; });
    return found == findings.end() ? "" : (*found)["state"].get<std::string>();
  };
  CHECK(answer("store").starts_with("SQLite 3."));
  CHECK(answer("bf16").starts_with("this processor multiplies "));
}

}  // namespace
}  // namespace xp
