// What `xp run` asks and says before anything starts.
#include "engine/base/cpu.h"
#include "engine/testing/terminal.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

constexpr const char* kSmoke = "experiments/smoke.toml";
// A training of weeks, once the pace of one of a second is known.
constexpr const char* kLong = "train.max_updates=100000000";

std::vector<std::string> run_words(const std::vector<std::string>& more) {
  std::vector<std::string> out = {"run", kSmoke, "--set", "exchange=dense"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

size_t count_trainings(const User& user) {
  size_t out = 0;
  for (const auto& folder : user.runs())
    out += folder.parent_path().filename() == "trainings" ? 1 : 0;
  return out;
}

TEST_CASE("on a terminal more than 24 device-hours start only if somebody agrees", "[slow]") {
  const User user;
  REQUIRE(user.xp(run_words({"--set", "train.max_updates=20"})).exit_code == 0);
  REQUIRE(count_trainings(user) == 1);
  Terminal asked(user.command(run_words({"--set", kLong})));
  REQUIRE(asked.shows(" device-hours? [y/N] "));
  asked.type("\n");
  CHECK(asked.end() == 5);
  CHECK(asked.shown().find("nothing was started or cancelled\r\n") != std::string::npos);
  CHECK(count_trainings(user) == 1);

  Terminal agreed(user.command(run_words({"--set", kLong, "--yes"})));
  while (count_trainings(user) == 1)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  agreed.type("\x03");
  REQUIRE(agreed.shows("Ctrl-C again stops those that run"));
  agreed.type("\x03");
  CHECK(agreed.end() == 130);
  CHECK(agreed.shown().find("[y/N]") == std::string::npos);
}

TEST_CASE("without a terminal nothing is asked", "[slow]") {
  const User user;
  REQUIRE(user.xp(run_words({"--set", "train.max_updates=20"})).exit_code == 0);
  const fs::path log = user.folder.path() / "log";
  Background run(user.command(run_words({"--set", kLong})), log);
  while (count_trainings(user) == 1 && !run.poll())
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(run.kill(SIGTERM) == 143);
  CHECK(read_file(log).find("[y/N]") == std::string::npos);
}

// `words` of xp on a machine whose processor has these features only.
Finished on_processor(const User& user, const std::string& features,
                      const std::vector<std::string>& words) {
  const fs::path cpuinfo = user.folder.path() / "cpuinfo";
  write_atomic(cpuinfo, "flags\t\t: " + features + "\n");
  std::vector<std::string> command = {
      "unshare",
      "-m",
      "sh",
      "-c",
      "mount --bind '" + cpuinfo.string() + "' /proc/cpuinfo && exec \"$@\"",
      "sh"};
  const auto xp = user.command(words);
  command.insert(command.end(), xp.begin(), xp.end());
  return run_program(command);
}

TEST_CASE("that bf16 saves no time here is told by check, plan, run and the worker", "[slow]") {
  const User user;
  if (run_program({"unshare", "-m", "mount", "--bind", "/proc/version", "/proc/cpuinfo"})
          .exit_code != 0)
    SKIP("no file can be mounted over /proc/cpuinfo here");
  const std::vector<std::string> bf16 = {
      "--set", "exchange=dense", "--set", "train.precision=bf16", "--set", "train.max_updates=2"};
  const auto xp = [&](const char* command, const char* features) {
    std::vector<std::string> words = {command, kSmoke};
    words.insert(words.end(), bf16.begin(), bf16.end());
    const Finished out = on_processor(user, features, words);
    INFO(out.errors);
    CHECK(out.exit_code == 0);
    return out;
  };
  const std::string note = std::string("note: ") + kNoBf16 + "\n";
  for (const char* command : {"check", "plan"}) {
    INFO(command);
    const Finished told = xp(command, "fpu avx2"), silent = xp(command, "fpu amx_bf16");
    CHECK((told.output + told.errors).find(note) != std::string::npos);
    CHECK((silent.output + silent.errors).find(kNoBf16) == std::string::npos);
  }
  CHECK(xp("run", "fpu avx2").errors.find(note) != std::string::npos);
  std::string log;
  for (const auto& folder : user.runs()) {
    for (const auto& entry : fs::directory_iterator(folder / "attempts/1"))
      if (entry.path().extension() == ".log") log += read_file(entry.path());
  }
  CHECK(log.find(kNoBf16) != std::string::npos);
}

TEST_CASE("a selector that means nothing is one plain sentence, with work left and without",
          "[slow]") {
  const User user;
  const std::vector<std::string> quick = {"--set", "train.max_updates=2", "--set",
                                          "warmup_updates=1"};
  const auto answer = [&](std::vector<std::string> words) {
    words.insert(words.end(), quick.begin(), quick.end());
    const Finished out = user.xp(words);
    CHECK(out.exit_code == 2);
    return out.errors;
  };
  REQUIRE(user.xp(run_words(quick)).exit_code == 0);
  CHECK(answer(run_words({"--only", "nope"})) ==
        "nothing matches 'nope'; there is 1 point: 1 done\n");
  CHECK(answer({"run", kSmoke, "--only", "nope"}) ==
        "nothing matches 'nope'; there are 2 points: 1 new, 1 done\n");
  CHECK(answer({"status", kSmoke, "[nope]"}) ==
        "nothing matches 'nope'; there are 2 points: 1 new, 1 done\n");
  CHECK(answer({"status", kSmoke, "["}) ==
        "nothing matches '['; there are 2 points: 1 new, 1 done\n");
}

}  // namespace
}  // namespace xp
