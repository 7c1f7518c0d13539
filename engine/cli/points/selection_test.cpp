// Which points words pick, and what wrong words say.
#include "engine/cli/points/selection.h"

#include "engine/base/text.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

// Six points: exchange gshard and scomoe-seq x seeds 1 to 3. Names are numbered "a" to "f".
struct Six {
  Six() {
    for (const char* exchange : {"gshard", "scomoe-seq"}) {
      for (int seed = 1; seed <= 3; ++seed)
        add(exchange, seed);
    }
    points[0].state = PointState::kDone;
    points[1].state = PointState::kFailed;
    points[1].run.state = RunState::kFailed;
    points[1].run.end.emplace().outcome = Outcome::kTimeLimit;
    points[2].state = PointState::kRunning;
    points[2].run.state = RunState::kSilent;
    points[3].run.is_cancelled = true;
    points[5].state = PointState::kBlocked;
    points[5].ids.reset();
  }
  void add(const std::string& exchange, int seed) {
    PointView& point = points.emplace_back();
    point.experiment = exchange == "gshard" ? "one" : "two";
    point.name = fmt::format("exchange={} seed={}", exchange, seed);
    point.axes = {{"model.moe.exchange.use", exchange}, {"train.seed", seed}};
    point.ids = {fmt::format("{:x}000000000000000", 8 + points.size()),
                 fmt::format("{:x}111111111111111", 8 + points.size())};
  }
  // The picked points as letters, capital if the evaluation is meant.
  std::string picked(const std::string& words) const {
    std::string out;
    for (const auto& one : select(points, split(words, '|'), workspace)) {
      const auto letter = static_cast<char>('a' + (one.point - points.data()));
      out += one.kind == RunKind::kEvaluation ? static_cast<char>(letter - 'a' + 'A') : letter;
    }
    return out;
  }
  std::string problem(const std::string& words) const {
    return message_of([&] { picked(words); });
  }
  void began(int index, double when) const {
    write_status(workspace.training(points[static_cast<size_t>(index)].ids->training),
                 {State::kRunning, 1, when, 0, "", Value::object()});
  }

  std::vector<PointView> points;
  TempFolder folder;
  Workspace workspace{folder.path()};
};

TEST_CASE("words pick points by setting, pattern, state, class, id and experiment") {
  const Six six;
  CHECK(six.picked("seed=1") == "ad");
  CHECK(six.picked("train.seed=1") == "ad");
  CHECK(six.picked("exchange=scomoe*") == "def");
  CHECK(six.picked("!seed=1") == "bcef");
  CHECK(six.picked("seed=1.0") == "ad");
  CHECK(six.picked("*gshard*") == "abc");
  CHECK(six.picked("exchange=gshard seed=2") == "b");
  CHECK(six.picked("scomoe-seq") == "def");
  CHECK(six.picked("state:failed") == "b");
  CHECK(six.picked("state:running") == "c");
  CHECK(six.picked("state:silent") == "c");
  CHECK(six.picked("state:new") == "e");
  CHECK(six.picked("state:blocked") == "f");
  CHECK(six.picked("state:cancelled") == "d");
  CHECK(six.picked("!state:new") == "abcdf");
  CHECK(six.picked("class:time-limit") == "b");
  CHECK(six.picked("class:time limit") == "b");
  CHECK(six.picked("b000") == "c");
  CHECK(six.picked("b111") == "C");
  CHECK(six.picked("experiment=two") == "def");
}

TEST_CASE("several words narrow each other") {
  const Six six;
  CHECK(six.picked("exchange=gshard|!seed=1|!state:failed") == "c");
  CHECK(six.problem("seed=1|seed=2") ==
        "nothing matches 'seed=1' and 'seed=2'; there are 6 points: 1 new, 1 silent, 1 done, 1 "
        "failed, "
        "1 blocked, 1 cancelled");
}

TEST_CASE("the last run is the one that started last") {
  const Six six;
  CHECK(six.problem("last") == "'last': no run has started yet");
  six.began(1, 100);
  six.began(4, 50);
  CHECK(six.picked("last") == "b");
}

TEST_CASE("rows of the last table are picked by number, whatever is listed now") {
  const Six six;
  CHECK(six.problem("3") == "'3' is a row of the last table, and none was printed");
  keep_table(six.workspace, {&six.points[5], &six.points[2], &six.points[0]});
  CHECK(six.picked("1") == "f");
  CHECK(six.picked("#2") == "c");
  CHECK(six.picked("2-3") == "ac");
  CHECK(six.problem("4") == "'4': the last table has rows 1 to 3");
  CHECK(six.problem("0") == "'0': the last table has rows 1 to 3");
}

TEST_CASE("wrong words say what was meant and what there is") {
  const Six six;
  CHECK(six.problem("sed=1") ==
        "no setting named 'sed', did you mean 'seed'? known: exchange, seed, experiment");
  CHECK(six.problem("state:runing") ==
        "no state named 'runing', did you mean 'running'? known: new, queued, starting, running, "
        "silent, stopped, done, failed, no-checkpoint, blocked, cancelled");
  CHECK(six.problem("class:memry") ==
        "no class named 'memry', did you mean 'memory'? known: stopped, user, memory, machine, "
        "preempted, time limit, bug, lost, cancelled, diverged");
  CHECK(
      six.problem("dense") ==
      "nothing matches 'dense'; there are 6 points: 1 new, 1 silent, 1 done, 1 failed, 1 blocked, "
      "1 cancelled");
  CHECK(six.problem("gshrd") ==
        "nothing matches 'gshrd', did you mean 'gshard'? there are 6 points: 1 new, 1 silent, 1 "
        "done, 1 failed, 1 blocked, 1 cancelled");
  CHECK(six.picked("!seed=9") == "abcdef");
  CHECK(six.problem("seed=9") == "no point has train.seed = 9; points have 1, 2, 3");
  CHECK(message_of([&] { select_one(six.points, {"seed=1"}, six.workspace); }) ==
        "2 runs fit; name one of them:\n"
        "  exchange=gshard seed=1 (training 9000000000000000)\n"
        "  exchange=scomoe-seq seed=1 (training c000000000000000)");
  CHECK(message_of([] { select_one({}, {}, Workspace{}); }) ==
        "there is no run yet; `xp run FILE` makes some");
}

TEST_CASE("points that share a training name one run") {
  Six six;
  six.points[1].ids->training = six.points[0].ids->training;
  CHECK(select_one(six.points, {"9000"}, six.workspace).id() == "9000000000000000");
}

TEST_CASE("completion knows states, classes and the values of axes") {
  const auto words = selector_words({{"train.seed", {"1", "2"}}});
  const auto has = [&](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  CHECK(has("last"));
  CHECK(has("state:silent"));
  CHECK(has("class:time-limit"));
  CHECK(has("seed=2"));
}

}  // namespace
}  // namespace xp
