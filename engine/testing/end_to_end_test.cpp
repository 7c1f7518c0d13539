// The two programs as a user has them: one command to a table, nothing to do the second time, kill
// -9 and resume.
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <set>
#include <thread>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr const char* kSmoke = "experiments/smoke.toml";

// Starts `xp run`, waits until `ready`, and kills it without warning.
void kill_run_when(const User& user, const std::function<bool()>& ready) {
  Background run(user.command({"run", kSmoke}));
  while (!ready() && !run.poll())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  run.kill(SIGKILL);
}

}  // namespace

TEST_CASE("one command trains, evaluates and reports; the second time there is nothing to do",
          "[slow]") {
  const User user;
  const Finished first = user.xp({"run", kSmoke});
  INFO(first.errors);
  REQUIRE(first.exit_code == 0);
  CHECK(first.output.find("scomoe-seq") != std::string::npos);

  const Finished again = user.xp({"run", kSmoke});
  CHECK(again.exit_code == 0);
  CHECK(again.errors.find("nothing to do") != std::string::npos);
  CHECK(again.output == first.output);

  const Value plan = Value::parse(user.xp({"plan", kSmoke, "--json"}).output);
  CHECK(plan.dump().find("\"done\"") != std::string::npos);
  CHECK(user.xp({"plan", kSmoke, "--exit-code"}).exit_code == 0);
  CHECK(user.xp({"status", kSmoke}).output.find("done") != std::string::npos);
  CHECK(user.xp({"report", kSmoke, "--format", "markdown"}).output.find("| scomoe-seq |") !=
        std::string::npos);
}

TEST_CASE("a plan predicts parameters and bytes, and what left the sweep is forgotten", "[slow]") {
  const User user;
  REQUIRE(user.xp({"run", kSmoke}).exit_code == 0);
  const Value plan = Value::parse(user.xp({"plan", kSmoke, "--json"}).output);
  for (const auto& point : plan["points"]) {
    const std::string id = point["training"];
    const Value measured = read_status(user.workspace / "trainings" / id).summary;
    CHECK(point["figures"]["parameters"] == measured["parameters"]);
    // A few rows find no slot. How many tokens have both experts on one node depends on the router;
    // the prediction is about an even one.
    const double predicted = point["figures"]["inter_node_bytes"];
    CHECK(measured["inter_node_bytes"] <= 1.05 * predicted);
    CHECK(measured["inter_node_bytes"] >= 0.9 * predicted);
  }
  const std::vector<std::string> dense = {"--set", "exchange=dense"};
  CHECK(user.xp({"plan", kSmoke, dense[0], dense[1], "--diff"})
            .output.find("since the last run: 0 added, 1 removed, 1 kept") != std::string::npos);
  CHECK(user.xp({"prune", kSmoke, dense[0], dense[1]}).output ==
        "- exchange=scomoe-seq\n1 point forgotten, 0 runs cancelled; finished trainings stay "
        "until xp gc\n");
  CHECK(user.xp({"prune", kSmoke, dense[0], dense[1]}).output == "no point left the sweep\n");
  const std::string other = plan["points"][1]["training"];
  CHECK(user.xp({"show", other}).exit_code == 0);  // still there
}

TEST_CASE("changing [eval] evaluates again and never retrains", "[slow]") {
  const User user;
  REQUIRE(user.xp({"run", kSmoke, "--set", "exchange=dense"}).exit_code == 0);
  CHECK(user.num_files("attempts") == 2);
  REQUIRE(user.xp({"run", kSmoke, "--set", "exchange=dense", "--set", "eval.beam=1"}).exit_code ==
          0);
  CHECK(user.num_files("attempts") == 3);
}

TEST_CASE("a metric more scores again and decodes nothing", "[slow]") {
  const User user;
  const auto run = [&](std::vector<std::string> sets) {
    std::vector<std::string> words = {"run", kSmoke, "--set", "exchange=dense"};
    for (const auto& set : sets)
      words.insert(words.end(), {"--set", set});
    const Finished ended = user.xp(words);
    INFO(ended.errors);
    REQUIRE(ended.exit_code == 0);
    std::set<std::string> evaluations;
    for (const auto& entry : fs::directory_iterator(user.workspace / "evaluations"))
      evaluations.insert(entry.path().filename());
    return evaluations;
  };
  const auto first = run({});
  REQUIRE(first.size() == 1);
  const fs::path before = user.workspace / "evaluations" / *first.begin();
  // What the model decodes would be this no more.
  const fs::path text = *fs::directory_iterator(before / "hypotheses");
  std::string lines = read_file(text);
  lines.replace(0, lines.find('\n'), "not of this model");
  write_atomic(text, lines);
  auto second = run({"eval.metrics=[\"bleu\",\"chrf\"]"});
  REQUIRE(second.size() == 2);
  second.erase(*first.begin());
  const fs::path after = user.workspace / "evaluations" / *second.begin();
  CHECK(read_file(after / "hypotheses" / text.filename()) == lines);
  const Value summary = read_status(after).summary;
  CHECK(summary.contains("chrf"));
  CHECK(summary["eval_seconds"] == read_status(before).summary["eval_seconds"]);
  CHECK(read_file(after / "attempts" / "1" / "rank-0.log")
            .find("scoring the translations of evaluation " + *first.begin()) != std::string::npos);
  // Another search decodes.
  const auto third = run({"eval.beam=1", "eval.metrics=[\"bleu\",\"chrf\"]"});
  CHECK(third.size() == 3);
  for (const auto& id : third) {
    if (id == *first.begin() || id == *second.begin()) continue;
    CHECK(read_file(user.workspace / "evaluations" / id / "hypotheses" / text.filename())
              .find("not of this model") == std::string::npos);
  }
}

TEST_CASE("a program that scores is checked before anything trains, and its scores are reported",
          "[slow]") {
  const User user;
  const fs::path spec = user.folder.path() / "scored.toml";
  const auto write = [&](const std::string& program) {
    write_atomic(spec, "extends = [\"" + fs::absolute(kSmoke).string() +
                           "\"]\nname = \"scored\"\n[eval]\nmetrics = [\"bleu\", "
                           "\"letters\"]\n[eval.metric.letters]\nuse = \"command\"\ncommand = "
                           "[\"./" +
                           program +
                           "\", \"{hypothesis}\"]\n[report]\ncolumns = [\"bleu\", "
                           "\"letters\", \"letters@en-x\"]\n");
  };
  write("nowhere.sh");
  const Finished refused = user.xp({"run", spec.string()});
  CHECK(refused.exit_code == 3);
  INFO(refused.errors);
  CHECK(refused.errors.find(":7:11: metric 'letters': there is no program '" +
                            (user.folder.path() / "nowhere.sh").string() + "' here; install it, " +
                            "or name its file (code E061)") != std::string::npos);
  CHECK(user.xp({"check", spec.string()}).exit_code == 3);
  CHECK(user.runs().empty());
  const fs::path script = user.folder.path() / "letters.sh";
  write_atomic(script, "#!/bin/sh\nawk '{print length($0)}' \"$1\"\n");
  fs::permissions(script, fs::perms::owner_all);
  write("letters.sh");
  const Finished ran = user.xp({"run", spec.string(), "--set", "exchange=dense"});
  INFO(ran.errors);
  REQUIRE(ran.exit_code == 0);
  const Finished report =
      user.xp({"report", spec.string(), "--set", "exchange=dense", "--format", "csv"});
  CHECK(report.output.find("letters@en-x") != std::string::npos);
}

TEST_CASE("a new [eval] trains again after gc freed the checkpoint", "[slow]") {
  const User user;
  const std::vector<std::string> dense = {"--set", "exchange=dense"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.end(), dense.begin(), dense.end());
    return user.xp(words);
  };
  REQUIRE(with({"run", kSmoke}).exit_code == 0);
  const Value before = user.figures();
  // Another training takes its place in the plan, so that nothing needs the first one's
  // checkpoints.
  REQUIRE(with({"run", kSmoke, "--set", "train.max_updates=121"}).exit_code == 0);
  REQUIRE(user.xp({"gc", "--yes"}).exit_code == 0);
  const Finished plan = with({"plan", kSmoke, "--set", "eval.beam=1"});
  CHECK(plan.output.find("1 point: 1 no-checkpoint") != std::string::npos);
  CHECK(plan.output.find("its checkpoint is gone, so it is trained again") != std::string::npos);
  const Finished again = with({"run", kSmoke, "--set", "eval.beam=1"});
  INFO(again.errors);
  CHECK(again.exit_code == 0);
  const Value after = user.figures();
  for (const auto& [run, figures] : before.items())
    CHECK(after[run] == figures);
}

TEST_CASE("points that another build of the engine computed are counted, and can be refused",
          "[slow]") {
  const User user;
  const fs::path engine = user.folder.path() / "xp-engine";
  fs::copy_file(build_folder() / "xp-engine", engine);
  append_file(engine, "\n");  // behind what is loaded: the same program with another hash
  const auto with = [&](std::vector<std::string> words, bool is_other) {
    words.insert(words.end(), {"--set", "exchange=dense"});
    std::vector<std::string> command = {"env"};
    if (is_other) command.push_back("XP_ENGINE=" + engine.string());
    const auto xp = user.command(words);
    command.insert(command.end(), xp.begin(), xp.end());
    return run_program(command);
  };
  const std::string counted =
      "1 of 1 points that are done or started were computed by another build of xp-engine";
  REQUIRE(with({"run", kSmoke}, true).exit_code == 0);
  CHECK(with({"plan", kSmoke}, true).output.find("another build") == std::string::npos);
  CHECK(with({"plan", kSmoke}, false).output.find("note: " + counted + "\n") != std::string::npos);
  const Finished refused =
      with({"run", kSmoke, "--set", "eval.beam=1", "--other-builds", "refuse"}, false);
  CHECK(refused.exit_code == 6);
  CHECK(refused.errors.find(counted +
                            "; --other-builds keep adds to them, a new --workspace starts "
                            "afresh\n") != std::string::npos);
  CHECK(with({"run", kSmoke, "--set", "eval.beam=1", "--other-builds", "keep"}, false)
            .errors.find("another build") == std::string::npos);
}

TEST_CASE("a run killed without warning resumes and ends with the same figures", "[slow]") {
  const User calm, harried;
  REQUIRE(calm.xp({"run", kSmoke}).exit_code == 0);
  // Once in the first training, once in the second.
  kill_run_when(harried, [&] { return harried.num_files("update-") > 0; });
  CHECK(harried.num_files("scores.json") == 0);
  kill_run_when(harried, [&] {
    return harried.num_files("scores.json") > 0 && harried.num_files("update-") > 1;
  });
  CHECK(harried.num_files("scores.json") == 1);
  const Finished rest = harried.xp({"run", kSmoke});
  INFO(rest.errors);
  REQUIRE(rest.exit_code == 0);
  CHECK(harried.figures() == calm.figures());
  CHECK(harried.num_half_written() == 0);
}

TEST_CASE("a full disk is one clear message, and with space the run resumes", "[slow]") {
  const User user;
  fs::create_directories(user.workspace);
  const std::string place = user.workspace.string();
  if (run_program({"mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place}).exit_code != 0) {
    SKIP("a small file system cannot be mounted here");
  }
  const Finished full = user.xp({"run", kSmoke, "--set", "exchange=dense"});
  CHECK(full.exit_code != 0);
  INFO(full.errors);
  CHECK(full.errors.find("free; make room") != std::string::npos);
  CHECK(run_program({"mount", "-o", "remount,size=64m", place}).exit_code == 0);
  const Finished rest = user.xp({"run", kSmoke, "--set", "exchange=dense"});
  CHECK(rest.exit_code == 0);
  CHECK(user.num_half_written() == 0);
  run_program({"umount", place});
}

TEST_CASE("mistakes end with their exit code before anything is written", "[slow]") {
  const User user;
  CHECK(user.xp({"run", kSmoke, "--set", "train.lr_rate=1"}).exit_code == 3);
  CHECK(user.xp({"run", kSmoke, "--set", "model.heads=5"}).exit_code == 3);
  CHECK(user.xp({"run", "no/such.toml"}).exit_code == 3);
  CHECK(user.xp({"runn", kSmoke}).exit_code == 2);
  CHECK_FALSE(fs::exists(user.workspace));
}

TEST_CASE("xp-engine without the list of components runs nothing") {
  const User user;
  const fs::path lone = user.folder.path() / "lone";
  fs::create_directories(lone);
  for (const char* program : {"xp", "xp-engine"})
    fs::copy_file(build_folder() / program, lone / program);
  const Finished refused =
      run_program({(lone / "xp").string(), "run", kSmoke, "--workspace", user.workspace.string()});
  CHECK(refused.exit_code == 1);
  CHECK(refused.errors == "'" + (user.folder.path() / "share/xp/components.json").string() +
                              "' is missing, which lists all components; build it with `make "
                              "build`\n");
  CHECK_FALSE(fs::exists(user.workspace));
}

TEST_CASE("a subset that the corpus does not have is told before anything trains", "[slow]") {
  const User user;
  const std::vector<std::string> run = {"run", kSmoke, "--set", "eval.subsets=['tset']"};
  const Finished first = user.xp(run);  // the corpus has to be prepared to know
  CHECK(first.exit_code == 3);
  CHECK(first.errors.find("the corpus has no subset 'tset'; it has: ") != std::string::npos);
  CHECK(user.runs().empty());
  const Finished again = user.xp(run);
  CHECK(again.exit_code == 3);
  CHECK(again.errors.find("(code E037)\n  did you mean 'test'?\n") != std::string::npos);
  CHECK(user.runs().empty());
}

TEST_CASE("a run that is worked through in parts trains a dense model all the same", "[slow]") {
  const User user;
  const std::vector<std::string> run = {"run", kSmoke, "--set", "exchange=dense"};
  REQUIRE(user.xp(run).exit_code == 0);
  const Value whole = user.figures();
  const std::string id = fs::directory_iterator(user.workspace / "trainings")->path().filename();
  const fs::path training = user.workspace / "trainings" / id;
  for (const char* gone : {"status.json", "checkpoints", "attempts"})
    fs::remove_all(training / gone);
  fs::remove_all(user.workspace / "evaluations");
  write_atomic(training / "micro_batch.json", R"({"split": 2})");
  REQUIRE(user.xp(run).exit_code == 0);
  const Value parts = user.figures();
  CHECK(parts[id]["micro_batch_split"] == 2);
  CHECK(parts[id]["updates"] == whole[id]["updates"]);
  // Other dropout masks, the same sentences.
  const double before = whole[id]["valid_loss"], now = parts[id]["valid_loss"];
  CHECK(std::abs(now - before) < 0.3);
  CHECK(now != before);
  CHECK(user.xp({"report", kSmoke, "--set", "exchange=dense"})
            .output.find("continued with micro-batches split in 2") != std::string::npos);
}

TEST_CASE("ranks that a loaded program forks are like any other", "[slow]") {
  const User user;
  const Finished both = user.xp({"run", kSmoke});  // several runs: forked
  INFO(both.errors);
  REQUIRE(both.exit_code == 0);
  const Value forked = user.figures();
  for (const auto& entry : fs::directory_iterator(user.workspace / "trainings")) {
    const Value start = Value::parse(read_file(entry.path() / "attempts/1/launcher.json"));
    CHECK(start["shared_with"] == 0);
    fs::remove_all(entry.path());
  }
  fs::remove_all(user.workspace / "evaluations");
  write_atomic(user.workspace / "engine", fmt::format("#!/bin/sh\nexec '{}' \"$@\"\n",
                                                      (build_folder() / "xp-engine").string()));
  fs::permissions(user.workspace / "engine", fs::perms::owner_all);
  ::setenv("XP_ENGINE", (user.workspace / "engine").c_str(), 1);  // by exec, one rank at a time
  const Finished alone = user.xp({"run", kSmoke});
  ::unsetenv("XP_ENGINE");
  REQUIRE(alone.exit_code == 0);
  CHECK(user.figures() == forked);
}

TEST_CASE("a detached run continues alone and is done later", "[slow]") {
  const User user;
  const std::vector<std::string> dense = {"--set", "exchange=dense"};
  const Finished begun = user.xp({"run", kSmoke, dense[0], dense[1], "--detach"});
  INFO(begun.errors);
  CHECK(begun.exit_code == 5);
  CHECK(begun.errors.find("continuing in the background as process ") != std::string::npos);
  const std::vector<std::string> ask = {"plan", kSmoke, dense[0], dense[1], "--exit-code"};
  for (int i = 0; i < 600 && user.xp(ask).exit_code != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(user.xp(ask).exit_code == 0);
}

TEST_CASE("what left the sweep is cancelled while it trains, and the rest continues", "[slow]") {
  const User user;
  const fs::path log = user.folder.path() / "log";
  const std::vector<std::string> longer = {"--set", "train.max_updates=2000"};
  Background run(user.command({"run", kSmoke, longer[0], longer[1]}), log);
  const auto trains = [&] {
    for (const auto& folder : user.runs()) {
      size_t offset = 0;
      if (!read_events(folder / "attempts/1", offset).empty()) return true;
    }
    return false;
  };
  while (!trains() && !run.poll())
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const Finished pruned =
      user.xp({"prune", kSmoke, longer[0], longer[1], "--set", "exchange=scomoe-seq"});
  INFO(pruned.errors << read_file(log));
  CHECK(pruned.output ==
        "- exchange=dense\n1 point forgotten, 1 run cancelled; finished trainings stay until "
        "xp gc\n");
  size_t cancelled = 0;
  for (const auto& folder : user.runs()) {
    if (read_status(folder).cause == "cancelled: it left its experiment") ++cancelled;
  }
  CHECK(cancelled == 1);
  while (user.num_files("trainings") == 0 || user.runs().size() < 2)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(run.poll());  // with the other training
  run.kill(SIGTERM);
}
