// No text in the files of a job or of its run keeps the other jobs from being brought up to date.
#include "engine/testing/fuzz.h"

#include "engine/base/toml.h"
#include "engine/run/micro_batch.h"
#include "engine/run/paper_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <array>

namespace xp {
namespace {

// The first character of a text says which of these it is.
constexpr std::array kFiles = {"jobs/xp-a-1/work.json", "jobs/xp-a-1/job.json",
                               "trainings/a/spec.toml", "trainings/a/micro_batch.json"};

// A workspace with a job that has ended, without this file.
void read_with(const std::string& file, const std::string& text) {
  static PaperScene scene;
  static const size_t submitted = submit(scene.work, scene.settings());
  check(submitted == 2, "there are two jobs");
  const fs::path root = scene.workspace().root;
  const JobRecord record = scene.job("xp-a-1");
  const std::string list = read_file(root / kFiles[0]);
  scene.ends("xp-a-1", Outcome::kMachine, "NODE_FAIL");
  write_atomic(root / file, text);
  update_jobs(scene.workspace());
  micro_batch_split(scene.run(0));
  try {
    work_from(Value::parse(text, nullptr, /*allow_exceptions=*/false));
  } catch (const Error& error) {
    if (error.blame() == Blame::kBug) throw;
  }
  write_atomic(root / kFiles[0], list);
  fs::remove_all(scene.run(0));
  set_job_of(scene.run(0), record.name);
  write_job(scene.workspace(), record);
}

FuzzTarget job_files() {
  return {"job-files",
          "engine/run/fuzz",
          {"\"work\": [", "\"folder\": \"", "\"command\": [", "\"spec\": {", "\"training\": 0",
           "\"launch\": {\"use\": \"paper\"}", "[launch]", "use = \"paper\"", "retries = 2",
           "\"schema\": 1", "\"phase\": \"queued\"", "\"runs\": [\"trainings/a\"]", "\"split\": 4",
           "null", "{}", "[]", "1e999", "-1", "\n"},
          [](const std::string& text) {
            if (text.empty()) return;
            const std::string file = kFiles[static_cast<unsigned char>(text[0]) % kFiles.size()];
            read_with(file, text.substr(1));
          }};
}

TEST_CASE("jobs are brought up to date whatever is in the files of one; it survives any text") {
  fuzz(job_files(), kSmokeSeconds);
}
TEST_CASE("jobs are brought up to date whatever is in the files of one, for long", "[.][fuzz]") {
  fuzz(job_files(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
