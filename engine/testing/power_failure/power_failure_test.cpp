// Workspaces of which a failure of power took what was not yet on the disk: nothing that was
// reported as done is lost, and what is done again has the same results.
//
// One life of a workspace is recorded, call by call: training, saving, the best checkpoint,
// evaluation, the index, a changed experiment, what is pruned and freed, and a training that is
// needed again. Failures are then tried at random moments of it.
#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/testing/power_failure/disk.h"
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <random>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr const char* kExperiment = R"(schema = 1
name = "failing"
description = "a training of a second"
[corpus]
use = "dummy"
train = 200
valid = 10
test = 10
words = 60
[corpus.vocabulary]
size = 100
[model]
preset = "tiny"
width = 32
ffn_width = 64
heads = 2
[model.moe]
experts = 2
[model.moe.exchange]
use = "dense"
[train]
max_updates = 6
max_tokens = 400
validate_every = 2
save_every = 1
keep = 2
validate_sentences = 4
[eval]
beam = 1
[launch]
device = "cpu"
[sweep]
"train.seed" = { repeat = 2, base = 1 }
[report]
columns = ["bleu"]
)";

using Words = std::vector<std::string>;
// Each is an `xp` with these words and the experiment's file behind the first.
const std::vector<Words> kLife = {{"run"},
                                  {"report"},
                                  {"prune", "--set", "train.max_updates=7"},
                                  {"gc", "--yes"},
                                  {"run", "--set", "eval.beam=2"},  // trains again
                                  // Without the notes, which depend on the machine's load.
                                  {"report", "--set", "eval.beam=2", "--format", "csv"}};

/// One `xp` on a workspace, recorded or not.
class Place {
 public:
  Place(fs::path workspace, const fs::path& file)
      : workspace_(std::move(workspace)), file_(file.string()) {}

  Finished xp(const Words& words, const std::string& engine = "", const fs::path& journal = "") {
    Words command = {"env", fmt::format("{}={}", variable::kWorkspace, workspace_.string())};
    if (!engine.empty()) command.push_back("XP_ENGINE=" + engine);
    if (!journal.empty()) {
      const fs::path tests = build_folder() / "tests";
      command.push_back("LD_PRELOAD=" + (tests / "libxp_file_journal.so").string());
      command.push_back(fmt::format("{}={}", journal::kRootVariable, workspace_.string()));
      command.push_back(fmt::format("{}={}", journal::kFileVariable, journal.string()));
    }
    command.push_back(xp_program());
    command.push_back(words.front());
    if (words.front() != "gc") command.push_back(file_);
    command.insert(command.end(), words.begin() + 1, words.end());
    return run_program(command);
  }

  /// The scores of every evaluation that is done, by id.
  std::map<std::string, std::string> scores() const {
    std::map<std::string, std::string> out;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(workspace_ / "evaluations", none)) {
      if (read_status(entry.path()).state == State::kDone)
        out[entry.path().filename()] = read_file(entry.path() / "scores.json");
    }
    return out;
  }
  const fs::path& workspace() const { return workspace_; }

 private:
  fs::path workspace_;
  std::string file_;
};

using Scores = std::map<std::string, std::string>;

/// A life without failures: its calls, and what was done after each step.
struct Recorded {
  Recorded() {
    if (!fs::exists(build_folder() / "xp-engine")) SKIP("built without xp-engine");
    write_atomic(file(), kExperiment);
    Place place(folder.path() / "calm", file());
    fs::create_directory(place.workspace());
    const fs::path journal = folder.path() / "journal";
    for (const auto& words : kLife) {
      const Finished step = place.xp(words, "", journal);
      INFO(words.front() << ": " << step.errors);
      REQUIRE(step.exit_code == 0);
      ends.push_back(read_calls(journal).size());
      done.push_back(place.scores());
      output = step.output;
    }
    calls = read_calls(journal);
  }

  fs::path file() const { return folder.path() / "failing.toml"; }

  // What was done, at the latest, when so many calls had been made.
  Scores done_at(size_t at) const {
    Scores out;
    for (size_t i = 0; i < ends.size() && ends[i] <= at; ++i)
      out = done[i];
    return out;
  }

  TempFolder folder;
  std::vector<FileCall> calls;
  std::vector<size_t> ends;  ///< calls made when each step had ended
  std::vector<Scores> done;
  std::string output;  ///< of the last step
};

const Recorded& recorded() {
  static const Recorded once;
  return once;
}

/// The workspace after one failure.
struct Failed {
  explicit Failed(const Failure& what)
      : failure(what), place(folder.path() / "w", recorded().file()) {
    restore(recorded().calls, failure, place.workspace());
  }

  /// What was reported as done and is lost; "" if nothing is.
  std::string lost() const {
    for (const auto& [id, scores] : recorded().done_at(failure.at)) {
      const fs::path run = place.workspace() / "evaluations" / id;
      try {
        if (read_status(run).state != State::kDone) return id + " is not done";
        if (read_if_there(run / "scores.json") != scores) return id + " has other scores";
      } catch (const Error& error) {
        return error.what();
      }
    }
    return "";
  }

  /// Lives the whole life again; what is wrong then, or "".
  std::string wrong_after_restart(const std::string& engine = "") {
    std::string output;
    for (const auto& words : kLife) {
      const Finished step = place.xp(words, engine);
      if (step.exit_code != 0) return fmt::format("xp {}: {}", words.front(), step.errors);
      output = step.output;
    }
    if (place.scores() != recorded().done.back()) return "other scores than without the failure";
    if (output != recorded().output) return "another report: " + output;
    return "";
  }

  TempFolder folder;
  Failure failure;
  Place place;
};

Failure failure_of(uint64_t seed) {
  std::mt19937_64 random(seed_for(seed, "moment"));
  const size_t at = std::uniform_int_distribution<size_t>(0, recorded().calls.size())(random);
  return {at, seed, /*loses_bytes=*/seed % 4 != 0, true};  // each fourth: only the processes died
}

void try_failures(uint64_t first, uint64_t last) {
  for (uint64_t seed = first; seed < last; ++seed) {
    const Failure failure = failure_of(seed);
    Failed failed(failure);
    INFO("seed " << seed << ", after call " << failure.at << " of " << recorded().calls.size());
    CHECK(failed.lost() == "");
    CHECK(failed.wrong_after_restart() == "");
  }
}

}  // namespace

TEST_CASE("after a power failure nothing that was done is lost, and the rest ends the same way",
          "[slow]") {
  try_failures(1, 4);
}

TEST_CASE("hundreds of power failures change no result", "[.][soak]") {
  try_failures(4, 204);
}

TEST_CASE("what was done is there after any power failure", "[slow]") {
  recorded();  // skips without xp-engine
  for (uint64_t seed = 1000; seed < 1060; ++seed) {
    INFO("seed " << seed);
    CHECK(Failed(failure_of(seed)).lost() == "");
  }
}

TEST_CASE("these tests see a disk that loses what was flushed", "[slow]") {
  size_t num_seen = 0;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Failure failure{recorded().calls.size(), seed, true, false};
    num_seen += Failed(failure).lost().empty() ? 0 : 1;
  }
  CHECK(num_seen > 0);
}

TEST_CASE("these tests see a training that resumes as another one", "[slow]") {
  // Once it is resumed this engine has forgotten which seed it had.
  const TempFolder folder;
  const fs::path engine = folder.path() / "xp-engine";
  write_atomic(engine, fmt::format("#!/bin/sh\n"
                                   "[ \"$1\" != serve ] || exit 1\n"  // each run is a process
                                   "if [ \"$1\" = train ] && [ -d \"$2/checkpoints\" ]; then\n"
                                   "  sed -i 's/^seed = .*/seed = 77/' \"$2/spec.toml\"\nfi\n"
                                   "exec {} \"$@\"\n",
                                   (build_folder() / "xp-engine").string()));
  fs::permissions(engine, fs::perms::owner_all);
  const auto& calls = recorded().calls;
  const auto is_saved = [](const FileCall& call) {
    return call.op == journal::Op::kRename && call.second.ends_with("update-00000003.safetensors");
  };
  const auto saved = std::find_if(calls.begin(), calls.end(), is_saved);
  REQUIRE(saved != calls.end());
  Failed failed({static_cast<size_t>(saved - calls.begin()) + 1, 1, false, true});
  CHECK(failed.wrong_after_restart(engine.string()) != "");
}
