// A workspace in which an experiment is half done, for tests of the commands about runs.
#pragma once

#include "engine/base/json_text.h"
#include "engine/cli/commands/typing_fixture.h"
#include "results/runs/workspace_fixture.h"

#include <cstdlib>
#include <ctime>

namespace xp {

/// Experiment "quick" of five points: done, running, queued, failed, stopped.
struct HalfDone : FilledWorkspace {
  HalfDone() {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
    Value points = Value::array();
    for (int seed = 1; seed <= 5; ++seed) {
      points.push_back({{"name", "seed=" + std::to_string(seed)},
                        {"training", training(seed)},
                        {"evaluation", evaluation(seed)},
                        {"seed", seed},
                        {"axes", {{"train.seed", seed}}}});
    }
    put("experiments/quick/plan.json", json_text({{"schema", 1}, {"points", points}}));
    begin(1, State::kDone, {{"updates", 100}});
    put("evaluations/" + evaluation(1) + "/spec.toml", "[eval]\nbeam = 5\n");
    status("evaluations", evaluation(1), State::kDone, {{"bleu", 20.5}});
    begin(2, State::kRunning);
    put(attempt(2) + "/events.jsonl",
        R"({"event":"start","update":0,"seconds":0,"values":{"max_updates":100}})"
        "\n"
        R"({"event":"update","update":20,"seconds":20,"values":{"loss":5.5}})"
        "\n"
        R"({"event":"checkpoint","update":20,"seconds":20,"values":{}})"
        "\n");
    put_into_job(workspace, "trainings/" + training(2), JobPhase::kRunning, "9");
    put_into_job(workspace, "trainings/" + training(3), JobPhase::kQueued, "4711", "Resources");
    begin(4, State::kFailed);
    AttemptEnd killed = made_end(Outcome::kMemory, "rank 1 on node2 was killed by signal 9");
    killed.ended_s = 1760000000 + 90;
    killed.rank = 1;
    killed.exit_code = 137;
    killed.host = "node2";
    killed.peak_memory_bytes = 31'000'000'000;
    killed.job_state = "OUT_OF_MEMORY";
    killed.job_reason = "OutOfMemory";
    write_end(workspace.root / attempt(4), killed);
    put(attempt(4) + "/rank-0.log", "rank 0 is fine\n");
    put(attempt(4) + "/rank-1.log", "update 1\nupdate 2\r\x1b[Kupdate 3\r\nout of memory\n");
    begin(5, State::kRunning);
    write_end(workspace.root / attempt(5),
              made_end(Outcome::kPreempted, "the scheduler wanted the place"));
    put(attempt(5) + "/rank-0.log", "first\n");
  }

  static std::string training(int seed) { return "aaaa00000000000" + std::to_string(seed); }
  static std::string evaluation(int seed) { return "bbbb00000000000" + std::to_string(seed); }
  static std::string attempt(int seed) { return "trainings/" + training(seed) + "/attempts/1"; }

  void begin(int seed, State state, Value summary = Value::object()) {
    const fs::path run = workspace.training(training(seed));
    put("trainings/" + training(seed) + "/spec.toml",
        "[train]\nmax_tokens = 4096\naccumulate = 1\n[launch]\nuse = \"test-queue\"\n");
    write_start(next_attempt(run),
                made_start({"node1", "node2"}, seed == 2 ? "9" : "8", 1760000000));
    write_status(run, {state, 1, 1760000000.0 + seed, 0,
                       state == State::kFailed ? "rank 1 on node2 was killed by signal 9" : "",
                       std::move(summary)});
  }

  /// Types a command on this workspace.
  Typed xp(std::vector<std::string> words) const {
    words.insert(words.end(), {"--workspace", workspace.root.string()});
    return type(std::move(words));
  }
  /// Text in which the workspace's path is W.
  std::string shortened(std::string text) const {
    const std::string path = workspace.root.string();
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path))
      text.replace(at, path.size(), "W");
    return text;
  }
};

}  // namespace xp
