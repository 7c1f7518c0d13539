// Slurm's words: one test for each way in which a job of a real cluster was seen to end or to hang.
#include "engine/launch/slurm_state.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Texts = std::vector<std::string>;

std::string in_words(const BatchState& state) {
  switch (state.phase) {
    case BatchState::Phase::kUnknown:
      return "unknown";
    case BatchState::Phase::kPending:
      return state.is_stuck ? "stuck" : "pending";
    case BatchState::Phase::kRunning:
      return "running";
    case BatchState::Phase::kEnded:
      return "ended: " + std::string(outcome_name(state.outcome));
  }
  return "";
}

// A job as `scontrol show job -o` prints it.
std::string seen(const std::string& state, const std::string& reason, const std::string& exit) {
  const auto jobs = parse_scontrol(
      "JobId=21 JobName=xp-a UserId=root(0) Requeue=1 Restarts=0 JobState=" + state +
      " Reason=" + reason + " Dependency=(null) ExitCode=" + exit + " NodeList=node0\n");
  return jobs.size() == 1 ? in_words(state_of(jobs[0])) : "not read";
}

// A job as `sacct` prints it.
std::string booked(const std::string& state, const std::string& exit) {
  const auto jobs = parse_sacct("21|" + state + "|" + exit + "|node0|xp-a\n");
  return jobs.size() == 1 ? in_words(state_of(jobs[0])) : "not read";
}

std::string waits_for(const std::string& reason) {
  return seen("PENDING", reason, "0:0");
}

}  // namespace

TEST_CASE("exit 0 is an end without a failure that Slurm saw") {
  CHECK(seen("COMPLETED", "None", "0:0") == "ended: done");
  CHECK(booked("COMPLETED", "0:0") == "ended: done");
}
TEST_CASE("the exit code of a wrong experiment is the user's") {
  CHECK(seen("FAILED", "NonZeroExitCode", "3:0") == "ended: user");
  CHECK(booked("FAILED", "3:0") == "ended: user");
}
TEST_CASE("the exit code of a disk or a node that failed is the machine's") {
  CHECK(seen("FAILED", "NonZeroExitCode", "1:0") == "ended: machine");
}
TEST_CASE("completed with a code is no success") {
  CHECK(seen("COMPLETED", "None", "2:0") == "ended: lost");
}
TEST_CASE("ranks that srun killed because of another's exit leave the cause open") {
  CHECK(seen("FAILED", "NonZeroExitCode", "143:0") == "ended: lost");
  CHECK(booked("FAILED", "15:0") == "ended: lost");
}
TEST_CASE("a batch process that dies of a segmentation fault is a bug") {
  CHECK(seen("FAILED", "JobLaunchFailure", "0:11") == "ended: bug");
  CHECK(booked("FAILED", "0:11") == "ended: bug");
}
TEST_CASE("a shell's 139 is a segmentation fault too") {
  CHECK(seen("FAILED", "NonZeroExitCode", "139:0") == "ended: bug");
}
TEST_CASE("a program that is missing on the node is the machine's") {
  CHECK(seen("FAILED", "NonZeroExitCode", "127:0") == "ended: machine");
  CHECK(seen("FAILED", "NonZeroExitCode", "2:0") == "ended: lost");
}
TEST_CASE("a job whose log could not be opened never started") {
  CHECK(seen("FAILED", "JobLaunchFailure", "0:53") == "ended: machine");
  CHECK(booked("FAILED", "0:53") == "ended: machine");
}
TEST_CASE("scancel of a running job") {
  CHECK(seen("CANCELLED", "None", "0:15") == "ended: cancelled");
  CHECK(booked("CANCELLED by 0", "0:0") == "ended: cancelled");
}
TEST_CASE("scancel of a job that ends well on the signal") {
  CHECK(seen("CANCELLED", "None", "0:0") == "ended: cancelled");
}
TEST_CASE("scancel of a waiting job, which keeps the reason it waited for") {
  CHECK(seen("CANCELLED", "JobHeldUser", "0:0") == "ended: cancelled");
}
TEST_CASE("the time limit") {
  CHECK(seen("TIMEOUT", "TimeLimit", "0:15") == "ended: time limit");
  CHECK(booked("TIMEOUT", "0:0") == "ended: time limit");
}
TEST_CASE("the time limit of a job that ignores the signal") {
  CHECK(seen("COMPLETING", "TimeLimit", "0:0") == "running");
  CHECK(seen("TIMEOUT", "TimeLimit", "0:9") == "ended: time limit");
}
TEST_CASE("a node that dies under a job that is not requeued") {
  CHECK(seen("NODE_FAIL", "NodeDown", "0:0") == "ended: machine");
  CHECK(seen("NODE_FAIL", "NodeDown", "0:15") == "ended: machine");
}
TEST_CASE("a node that dies under a job that is requeued") {
  CHECK(waits_for("BeginTime") == "pending");
}
TEST_CASE("a batch process over its memory") {
  CHECK(seen("OUT_OF_MEMORY", "OutOfMemory", "0:125") == "ended: memory");
  CHECK(booked("OUT_OF_MEMORY", "0:125") == "ended: memory");
  CHECK(booked("OUT_OF_ME+", "0:125") == "unknown");  // cut short: a word that nobody knows
}
TEST_CASE("a step over its memory, as far as accounting shows it") {
  CHECK(booked("FAILED", "0:125") == "ended: memory");
}
TEST_CASE("memory without cgroups is a kill that no state explains") {
  CHECK(seen("FAILED", "NonZeroExitCode", "137:0") == "ended: memory");
  CHECK(seen("FAILED", "JobLaunchFailure", "0:9") == "ended: memory");
}
TEST_CASE("preemption of a job that is requeued") {
  CHECK(seen("COMPLETING", "None", "0:0") == "running");
  CHECK(waits_for("BeginTime") == "pending");
}
TEST_CASE("preemption of a job that is not requeued") {
  CHECK(seen("PREEMPTED", "None", "0:15") == "ended: preempted");
  CHECK(booked("PREEMPTED", "0:0") == "ended: preempted");
}
TEST_CASE("a job that requeues itself is not over") {
  CHECK(seen("REQUEUED", "None", "0:0") == "pending");
  CHECK(booked("REQUEUED", "0:0") == "pending");
}
TEST_CASE("requeuehold waits for somebody") {
  CHECK(waits_for("job_requeued_in_held_state") == "stuck");
  CHECK(waits_for("launch_failed_requeued_held") == "stuck");
  CHECK(seen("REQUEUE_HOLD", "None", "0:0") == "stuck");
}
TEST_CASE("a suspended job runs") {
  CHECK(seen("SUSPENDED", "None", "0:0") == "running");
}
TEST_CASE("a dependency that can never be met") {
  CHECK(waits_for("DependencyNeverSatisfied") == "stuck");
  CHECK(waits_for("Dependency") == "pending");
  CHECK(seen("CANCELLED", "DependencyNeverSatisfied", "0:0") == "ended: cancelled");
}
TEST_CASE("more nodes than the partition has") {
  CHECK(waits_for("PartitionConfig") == "stuck");
  CHECK(waits_for("PartitionNodeLimit") == "stuck");
}
TEST_CASE("more than any node has: refused, and on record all the same") {
  CHECK(seen("FAILED", "BadConstraints", "0:1") == "ended: user");
}
TEST_CASE("reasons that do not pass by themselves") {
  for (const char* reason :
       {"PartitionTimeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS", "JobHeldUser",
        "JobHeldAdmin", "AssocGrpCPUMinutesLimit", "AssocGrpNodeLimit", "QOSMaxNodePerJobLimit",
        "QOSMaxWallDurationPerJobLimit", "AssocMaxWallDurationPerJobLimit", "JobHoldMaxRequeue"}) {
    CAPTURE(reason);
    CHECK(waits_for(reason) == "stuck");
  }
}
TEST_CASE("reasons that pass, limits on the number of jobs among them") {
  for (const char* reason :
       {"Priority", "Resources", "BeginTime", "Licenses", "JobArrayTaskLimit", "PartitionDown",
        "QOSMaxJobsPerUserLimit", "AssocGrpJobsLimit", "AssocMaxJobsLimit", "(null)",
        "ReqNodeNotAvail,_UnavailableNodes:node3",
        "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved"}) {
    CAPTURE(reason);
    CHECK(waits_for(reason) == "pending");
  }
}
TEST_CASE("states that were never seen are final if the manual says so") {
  CHECK(seen("DEADLINE", "None", "0:0") == "ended: user");
  CHECK(seen("BOOT_FAIL", "None", "0:0") == "ended: machine");
  CHECK(seen("REVOKED", "None", "0:0") == "ended: lost");
  CHECK(seen("SPECIAL_EXIT", "None", "0:0") == "stuck");
}
TEST_CASE("states that were never seen are not final otherwise") {
  CHECK(seen("CONFIGURING", "None", "0:0") == "pending");
  for (const char* state : {"STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING"})
    CHECK(seen(state, "None", "0:0") == "running");
}
TEST_CASE("a word that nobody knows is no end") {
  CHECK(seen("EXPEDITING", "None", "0:0") == "unknown");
  CHECK(seen("", "None", "0:0") == "unknown");
  CHECK(booked("COMPLETED+", "0:0") == "ended: done");
}

TEST_CASE("squeue's reason may hold anything") {
  const auto jobs = parse_squeue(
      "CLUSTER: main\n"
      "21|PENDING||xp-a|ReqNodeNotAvail, UnavailableNodes:node3|x\n"
      "22|RUNNING|node[0-1,3]|xp b|None\n"
      "slurm_load_jobs warning\n");
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].name == "xp-a");
  CHECK(jobs[0].reason == "ReqNodeNotAvail, UnavailableNodes:node3|x");
  CHECK(jobs[0].hosts.empty());
  CHECK(jobs[1].hosts == Texts{"node0", "node1", "node3"});
  CHECK(jobs[1].reason.empty());
}

TEST_CASE("scontrol's line is read by its keys, not by its spaces") {
  const auto jobs = parse_scontrol(
      "JobId=24 ArrayJobId=21 ArrayTaskId=3 JobName=two words UserId=root(0) JobState=NODE_FAIL "
      "Reason=NodeDown Dependency=(null) Requeue=1 Restarts=2 ExitCode=0:15 ReqNodeList=node9 "
      "NodeList=node[0-1] BatchHost=node0\n");
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id == "21_3");
  CHECK(jobs[0].name == "two words");
  CHECK(jobs[0].restarts == 2);
  CHECK(jobs[0].exit == "0:15");
  CHECK(jobs[0].hosts == Texts{"node0", "node1"});
}

TEST_CASE("what is not set is empty, however it is written") {
  const auto jobs = parse_scontrol(
      "JobId=1 JobName=a UserId=x JobState=PENDING Reason=None Dependency=(null) "
      "Restarts=4294967294 ExitCode=4294967294:0 NodeList=(null) BatchHost=\n"
      "JobId=2 JobName=b UserId=x JobState=PENDING Reason=None Dependency=(null) "
      "Restarts=null ExitCode=null NodeList= BatchHost=\n");
  REQUIRE(jobs.size() == 2);
  for (const auto& job : jobs) {
    CHECK(job.exit.empty());
    CHECK(job.hosts.empty());
    CHECK(job.reason.empty());
  }
  CHECK(jobs[1].restarts == 0);
}

TEST_CASE("of a job that sacct shows more than once the last line counts") {
  const auto jobs = parse_sacct(
      "21|NODE_FAIL|0:0|node0|xp-a\n21.batch|CANCELLED|0:15|node0|batch\n"
      "21|COMPLETED|0:0|node1|xp-a\n21_4|CANCELLED by 1000|0:0|None assigned|xp|b\n");
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].state == "COMPLETED");
  CHECK(jobs[1].id == "21_4");
  CHECK(jobs[1].state == "CANCELLED");
  CHECK(jobs[1].name == "xp|b");
  CHECK(jobs[1].hosts.empty());
}

TEST_CASE("an element of an array is itself or among those that wait") {
  CHECK(is_about("21_3", "21_3"));
  CHECK(is_about("21_[2-3%2]", "21_3"));
  CHECK(is_about("21_[0,4-6]", "21_5"));
  CHECK_FALSE(is_about("21_[2-3%2]", "21_4"));
  CHECK_FALSE(is_about("21_[2-3]", "22_2"));
  CHECK_FALSE(is_about("21_[2-3]", "21"));
  CHECK_FALSE(is_about("210", "21"));
}

TEST_CASE("lists of hosts are spelled out") {
  CHECK(expand_hosts("node[0-1,3],login") == Texts{"node0", "node1", "node3", "login"});
  CHECK(expand_hosts("n[08-10]") == Texts{"n08", "n09", "n10"});
  CHECK(expand_hosts("r[1-2]n[0-1]x") == Texts{"r1n0x", "r1n1x", "r2n0x", "r2n1x"});
  CHECK(expand_hosts("") == Texts{});
  CHECK(expand_hosts("node[0-") == Texts{"node[0-"});
  CHECK(expand_hosts("node[b-a]") == Texts{"node[b-a]"});
  CHECK(expand_hosts("node[0-99999999999]") == Texts{"node[0-99999999999]"});
}

TEST_CASE("complaints are Slurm's words without their prefixes") {
  CHECK(slurm_message(
            "sbatch: error: invalid partition specified: gpuu\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n") ==
        "invalid partition specified: gpuu; Invalid partition name specified");
  CHECK(slurm_message("sbatch: unrecognized option '--memm=3'\nTry \"sbatch --help\" for more "
                      "information\n") == "unrecognized option '--memm=3'");
  CHECK(slurm_message("") == "");
}

TEST_CASE("not to reach Slurm is told from its refusals") {
  CHECK(is_unreachable("Unable to contact slurm controller (connect failure)"));
  CHECK(is_unreachable("Socket timed out on send/recv operation"));
  CHECK_FALSE(is_unreachable("Invalid partition name specified"));
}
