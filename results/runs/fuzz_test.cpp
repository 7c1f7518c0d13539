// No text in the files that say how a run and its job stand makes their readers do anything but
// answer.
#include "engine/testing/fuzz.h"

#include "results/runs/reopen.h"
#include "results/runs/standing.h"
#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <array>

namespace xp {
namespace {

// The first character of a text says which of these it is.
constexpr std::array kFiles = {"trainings/aaaa/status.json",
                               "trainings/aaaa/attempts/1/launcher.json",
                               "trainings/aaaa/attempts/1/end.json",
                               "trainings/aaaa/attempts/1/asked",
                               "trainings/aaaa/attempts/1/heartbeat",
                               "trainings/aaaa/attempts/1/events.jsonl",
                               "trainings/aaaa/lease",
                               "trainings/aaaa/retry",
                               "trainings/aaaa/cancel",
                               "trainings/aaaa/job",
                               "jobs/xp-7/job.json"};

/// Made once: a text takes the place of one file.
struct Fixture {
  Fixture() {
    put_into_job(place.workspace, "trainings/aaaa", JobPhase::kQueued, "7");
    place.status("trainings", "aaaa", State::kFailed);
    const fs::path attempt = place.workspace.training("aaaa") / "attempts" / "1";
    write_start(attempt, made_start({"node0"}, "7", 1));
    write_end(attempt, made_end(Outcome::kMachine, "a disk"));
    for (const char* file : kFiles)
      before[file] = read_if_there(place.workspace.root / file).value_or("");
  }
  FilledWorkspace place;
  std::map<std::string, std::string> before;
};

void read(const Workspace& workspace) {
  const fs::path run = workspace.training("aaaa"), attempt = attempt_folder(run, 1);
  const OpenJobs jobs(workspace);
  const Standing standing = standing_of(run, jobs);
  standing.cause();
  standing.class_name();
  read_start(attempt);
  read_end_request(attempt);
  heartbeat_age_s(attempt);
  counted_failures(run);
  cancel_reason(run);
  is_held(run);
  has_checkpoint(run, "best");
  size_t offset = 0;
  read_events(attempt, offset);
}

FuzzTarget run_files() {
  return {"run-files",
          "results/runs/fuzz",
          {"\"schema\": 1", "\"state\": \"done\"", "\"outcome\": \"memory\"", "\"hosts\": [",
           "\"phase\": \"running\"", "\"runs\": [", "\"summary\": {\"updates\":", "null", "{}",
           "[]", "1e999", "-1", "9223372036854775807", "xp-7", "../../", "\n", "\"", ",", ":"},
          [](const std::string& text) {
            if (text.empty()) return;
            static Fixture fixture;
            const std::string file = kFiles[static_cast<unsigned char>(text[0]) % kFiles.size()];
            fixture.place.put(file, text.substr(1));
            try {
              read(fixture.place.workspace);
            } catch (const Error& error) {
              if (error.blame() == Blame::kBug) throw;
            }
            fixture.place.put(file, fixture.before[file]);
          }};
}

TEST_CASE("the reader of a run's folder survives any text") {
  fuzz(run_files(), kSmokeSeconds);
}
TEST_CASE("the reader of a run's folder survives any text for long", "[.][fuzz]") {
  fuzz(run_files(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
