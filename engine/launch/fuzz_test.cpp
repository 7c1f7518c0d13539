// No text, however broken, makes the readers of Slurm's answers and of nodes' records do anything
// but answer.
#include "engine/testing/fuzz.h"

#include "engine/base/error.h"
#include "engine/launch/node.h"
#include "engine/launch/slurm_lookup.h"
#include "engine/launch/slurm_step.h"

#include <catch2/catch_test_macros.hpp>

#include <array>

namespace xp {
namespace {

void find_in(const std::vector<SlurmJob>& jobs) {
  for (const std::string name : {"xp-a-1", "xp-a_3"}) {
    const SlurmJob* found = find_job(jobs, name, "");
    if (found == nullptr) continue;
    own_id(found->id, name);
    state_of(*found);
    is_about(found->id, "21_3");
  }
}

FuzzTarget answers() {
  return {"slurm-answers",
          "engine/launch/fuzz/answers",
          {"21_[2-5%2]|",
           "21_3|",
           "|PENDING|",
           "|CANCELLED by 0|",
           "|node[0-3,08]|",
           "xp-a",
           "xp-a-1",
           "JobId=21 ",
           "ArrayJobId=21 ",
           "ArrayTaskId=2-5%2 ",
           "JobName=xp-a UserId=",
           "JobState=",
           "Reason=",
           " Dependency=",
           "NodeList=",
           "ExitCode=0:9",
           "Restarts=",
           "[0-9]",
           "[00-99],",
           "\n",
           "|",
           "sbatch: error: ",
           "slurmstepd: error: *** JOB 21 ON node0 "},
          [](const std::string& text) {
            find_in(parse_squeue(text));
            find_in(parse_scontrol(text));
            find_in(parse_sacct(text));
            expand_hosts(text);
            is_unreachable(slurm_message(text));
            is_stuck_reason(text);
            LaunchJob job;
            job.log_folder = "/nowhere";
            end_of_step(job, {"node0"}, {1, text});
            allocation_from([&text](const char*) { return text; });
          }};
}

FuzzTarget records() {
  return {"node-records",
          "engine/launch/fuzz/records",
          {"\"outcome\": \"machine\"", "\"rank\": 1", "\"exit_code\": 137", "\"host\": \"",
           "\"cause\": \"", "\"peak_memory_bytes\": 1", "null", "-1", "1e999", "{", "}", ","},
          [](const std::string& text) {
            static const TempFolder folder;
            write_atomic(folder.path() / "node-0.json", text);
            LaunchJob job;
            job.log_folder = folder.path();
            job.nodes = 2;
            end_of_nodes(job);
            silent_nodes(job);
          }};
}

TEST_CASE("the reader of Slurm's answers survives any text") {
  fuzz(answers(), kSmokeSeconds);
}
TEST_CASE("the reader of Slurm's answers survives any text for long", "[.][fuzz]") {
  fuzz(answers(), kFuzzSeconds);
}
TEST_CASE("the reader of nodes' records survives any text") {
  fuzz(records(), kSmokeSeconds);
}
TEST_CASE("the reader of nodes' records survives any text for long", "[.][fuzz]") {
  fuzz(records(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
