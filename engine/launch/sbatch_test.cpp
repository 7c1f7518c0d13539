// Submitting to Slurm, with its commands played by scripts: once, whatever happens.
#include "engine/launch/slurm.h"
#include "engine/testing/fake_slurm.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using std::chrono::milliseconds;

constexpr const char* kTimedOut =
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation";
constexpr const char* kGone = "squeue: error: Unable to contact slurm controller (connect failure)";

// A job on its way into the queue.
struct Submission {
  FakeSlurm slurm;
  SlurmSettings settings;
  BatchJob job;

  Submission() {
    job.name = "xp-a";
    job.folder = slurm.folder() / "job";
    fs::create_directories(job.folder);
    job.command = {"/opt/xp", "work", job.folder.string()};
    slurm.on("squeue", "exit 0");
    slurm.on("sacct", FakeSlurm::fail(1, "Slurm accounting storage is disabled"));
    slurm.on("sbatch", "echo 21");
  }
  std::string submit() {
    return SlurmQueue(settings, {milliseconds(1), milliseconds(1), milliseconds(1)}).submit(job);
  }
  std::string complaint() {
    return message_of([this] { submit(); });
  }
  size_t submissions() const { return slurm.calls("sbatch").size(); }
};

TEST_CASE("sbatch gets the job's shape, name and places") {
  Submission it;
  it.job.nodes = 2;
  it.job.ranks_per_node = 8;
  it.job.threads_per_rank = 4;
  it.job.exclude = {"node3", "node4"};
  it.settings = {.partition = "gpu",
                 .account = "nmt",
                 .qos = "long",
                 .time = "2-00",
                 .gres = "gpu:8",
                 .extra = {"--mem=64G", "--exclude=node7"}};
  BatchJob elsewhere = it.job;
  elsewhere.folder = "/w/jobs/xp-a";
  CHECK(join(sbatch_command(it.settings, elsewhere, false), " ") ==
        "sbatch --parsable --job-name=xp-a --chdir=/w/jobs/xp-a --output=/w/jobs/xp-a/output.log "
        "--open-mode=append --requeue --signal=B:USR1@90 --kill-on-invalid-dep=yes "
        "--dependency=singleton --nodes=2 --ntasks-per-node=8 --cpus-per-task=4 --gres=gpu:8 "
        "--time=2-00 --partition=gpu --account=nmt --qos=long --exclude=node3,node4,node7");
  CHECK(it.submit() == "21");
  CHECK(it.submissions() == 1);
  CHECK(it.slurm.calls("sbatch").at(0).ends_with("/job/script.sh"));
}

TEST_CASE("what is not set is left to the cluster") {
  CHECK(join(sbatch_command({.exclusive = true}, {}, true), " ") ==
        "sbatch --test-only --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --exclusive "
        "--time=12:00:00");
  CHECK(join(sbatch_command({.cpus_per_rank = 9}, {}, true), " ") ==
        "sbatch --test-only --nodes=1 --ntasks-per-node=1 --cpus-per-task=9 --time=12:00:00");
}

TEST_CASE("the program takes the place of the script's shell, in the folder of the submission") {
  BatchJob job;
  job.name = "xp-a";
  job.folder = "/w/it's";
  job.command = {"/opt/xp", "work", "/w/it's"};
  const std::string script =
      sbatch_script({.extra = {"--mem=64G", "--dependency=afterok:5"}}, job, "/home/me");
  CHECK(script ==
        "#!/bin/sh\n"
        "#SBATCH --mem=64G\n"
        "#SBATCH --dependency=afterok:5\n"
        "# 'sbatch' '--parsable' '--job-name=xp-a' '--chdir=/w/it'\\''s' "
        "'--output=/w/it'\\''s/output.log' '--open-mode=append' '--requeue' '--signal=B:USR1@90' "
        "'--kill-on-invalid-dep=yes' '--nodes=1' '--ntasks-per-node=1' '--cpus-per-task=1' "
        "'--time=12:00:00' '/w/it'\\''s/script.sh'\n"
        "cd '/home/me' || exit 127\n"
        "exec '/opt/xp' 'work' '/w/it'\\''s'\n");
}

TEST_CASE("many jobs are one array, each element with a folder and a log of its own") {
  Submission it;
  BatchJob job = it.job;
  job.folder = "/w/jobs/xp-a";
  job.command = {"/opt/xp", "work", "/w/jobs/xp-a"};
  job.count = 3;
  CHECK(join(sbatch_command({}, job, false), " ") ==
        "sbatch --parsable --job-name=xp-a --array=0-2 --chdir=/w/jobs/xp-a_0 "
        "--output=/w/jobs/xp-a_%a/output.log --open-mode=append --requeue --signal=B:USR1@90 "
        "--kill-on-invalid-dep=yes --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 "
        "--time=12:00:00");
  CHECK(sbatch_script({}, job, "/home/me")
            .ends_with("exec '/opt/xp' 'work' '/w/jobs/xp-a'_\"$SLURM_ARRAY_TASK_ID\"\n"));
}

TEST_CASE("an array whose answer was lost is found by any of its elements") {
  Submission it;
  it.job.count = 2;
  CHECK(it.complaint().ends_with("/job_0' is not a folder"));
  fs::create_directories(it.job.folder.string() + "_0");
  fs::create_directories(it.job.folder.string() + "_1");
  it.slurm.on("sbatch", FakeSlurm::fail(1, kTimedOut));
  it.slurm.in_turn("squeue", {"exit 0", "exit 0", FakeSlurm::say("21_1|RUNNING|node0|xp-a|None")});
  CHECK(it.submit() == "21");
  CHECK(it.submissions() == 1);
}

TEST_CASE("a job that is submitted from inside another one has nothing of that one's") {
  Submission it;
  const std::vector<std::pair<const char*, const char*>> of_this_job = {
      {"SLURM_JOB_ID", "9"},        {"SLURM_ARRAY_JOB_ID", "2"}, {"SLURM_ARRAY_TASK_ID", "3"},
      {"SLURM_RESTART_COUNT", "1"}, {"SLURMD_NODENAME", "n0"},   {"SLURM_CONF", "/etc/slurm.conf"}};
  for (const auto& [name, value] : of_this_job)
    ::setenv(name, value, 1);
  const std::string file = (it.slurm.folder() / "environment").string();
  it.slurm.on("sbatch", "env > " + file + "\necho 21");
  CHECK(it.submit() == "21");
  for (const auto& [name, value] : of_this_job)
    ::unsetenv(name);
  std::string left;
  for (const auto& line : split(read_file(file), '\n'))
    if (line.starts_with("SLURM")) left += line;
  CHECK(left == "SLURM_CONF=/etc/slurm.conf");
}

TEST_CASE("an array that would go over a limit is refused, so that its jobs can go in alone") {
  Submission it;
  it.job.count = 1;
  fs::create_directories(it.job.folder.string() + "_0");
  it.slurm.on("sbatch", FakeSlurm::fail(1, "sbatch: error: AssocMaxSubmitJobLimit"));
  CHECK(it.complaint().starts_with("slurm refuses job 'xp-a': AssocMaxSubmitJobLimit"));
}

TEST_CASE("a number with a cluster's name, beside warnings") {
  Submission it;
  it.slurm.on("sbatch", "echo 'sbatch: warning: no --mem given' >&2; echo '21;emulated'");
  CHECK(it.submit() == "21");
}

TEST_CASE("a job of that name is found, not doubled") {
  Submission it;
  it.slurm.on("squeue", FakeSlurm::say("17|COMPLETED|node0|xp-a|None\n18|PENDING||xp-a|Priority"));
  CHECK(it.submit() == "18");
  CHECK(it.submissions() == 0);
  CHECK(it.slurm.calls("squeue").at(0).ends_with(" --name=xp-a"));
}

TEST_CASE("a submission that timed out but was accepted is found") {
  Submission it;
  it.slurm.on("sbatch", FakeSlurm::fail(1, kTimedOut));
  it.slurm.in_turn("squeue", {"exit 0", "exit 0", FakeSlurm::say("21|RUNNING|node0|xp-a|None")});
  CHECK(it.submit() == "21");
  CHECK(it.submissions() == 1);
}

TEST_CASE("a submission that timed out, was accepted and ended is found in accounting") {
  Submission it;
  it.slurm.on("sbatch", FakeSlurm::fail(1, kTimedOut));
  it.slurm.on("sacct", FakeSlurm::say("21|COMPLETED|0:0|node0|xp-a"));
  CHECK(it.submit() == "21");
  CHECK(it.submissions() == 1);
}

TEST_CASE("a submission that never arrived is made again after two looks") {
  Submission it;
  it.slurm.in_turn("sbatch", {FakeSlurm::fail(1, kTimedOut), "echo 21"});
  CHECK(it.submit() == "21");
  CHECK(it.slurm.calls("squeue").size() == 3);
  CHECK(it.submissions() == 2);
}

TEST_CASE("sbatch that says nothing is a lost answer") {
  Submission it;
  it.slurm.in_turn("sbatch", {"exit 0", "echo 21"});
  CHECK(it.submit() == "21");
}

TEST_CASE("nothing is submitted while nobody knows whether it is there already") {
  Submission it;
  it.slurm.on("squeue", FakeSlurm::fail(1, kGone));
  CHECK(it.complaint() ==
        "job 'xp-a' may not be in the queue: slurm does not answer: Unable to contact slurm "
        "controller (connect failure); run this again later, which looks for it first");
  CHECK(it.submissions() == 0);
  CHECK(it.slurm.calls("squeue").size() == 4);
}

TEST_CASE("a controller that comes back in time gets the job") {
  Submission it;
  it.slurm.in_turn("squeue", {FakeSlurm::fail(1, kGone), FakeSlurm::fail(1, kGone), "exit 0"});
  CHECK(it.submit() == "21");
}

TEST_CASE("a refusal is final, with Slurm's words and what to change") {
  Submission it;
  it.settings.partition = "gpuu";
  it.slurm.on("sinfo", FakeSlurm::say("main\nlow"));
  it.slurm.on("sbatch", FakeSlurm::fail(1, "sbatch: error: invalid partition specified: gpuu"));
  CHECK(it.complaint() ==
        "slurm refuses job 'xp-a': invalid partition specified: gpuu; 'partition' in "
        "[launch.slurm] is 'gpuu'; known: main, low");
  CHECK(it.submissions() == 1);
}

TEST_CASE("bad syntax is final too") {
  Submission it;
  it.slurm.on("sbatch", FakeSlurm::fail(255, "sbatch: unrecognized option --memm=3"));
  CHECK(it.complaint() ==
        "slurm refuses job 'xp-a': unrecognized option --memm=3; see 'extra' in [launch.slurm]");
}

TEST_CASE("the record of a refused job is not the job") {
  Submission it;
  it.slurm.on("squeue", FakeSlurm::say("20|FAILED||xp-a|BadConstraints"));
  CHECK(it.submit() == "21");
}

TEST_CASE("nodes to avoid are dropped if Slurm refuses the job with them") {
  Submission it;
  it.job.exclude = {"node3.cluster"};
  it.slurm.in_turn("sbatch",
                   {FakeSlurm::fail(1,
                                    "sbatch: error: Batch job submission failed: Invalid node name "
                                    "specified"),
                    "echo 21"});
  CHECK(it.submit() == "21");
  CHECK(it.slurm.calls("sbatch").at(0).find("--exclude=node3.cluster") != std::string::npos);
  CHECK(it.slurm.calls("sbatch").at(1).find("--exclude") == std::string::npos);
}

TEST_CASE("a limit on submitted jobs passes") {
  Submission it;
  it.slurm.on("sbatch", FakeSlurm::fail(1, "sbatch: error: QOSMaxSubmitJobPerUserLimit"));
  CHECK(it.complaint() ==
        "your submit limit is reached: QOSMaxSubmitJobPerUserLimit; run this again when some of "
        "your jobs have ended");
}

TEST_CASE("a job without its folder would fail without a log") {
  Submission it;
  it.job.folder = "/nowhere/job";
  CHECK(it.complaint() == "'/nowhere/job' is not a folder");
  CHECK(it.slurm.calls().empty());
}

TEST_CASE("a trial of the job's shape finds what Slurm would refuse") {
  Submission it;
  it.job.nodes = 4;
  it.job.threads_per_rank = 2;
  it.settings.gres = "gpu:9";
  const SlurmQueue queue(it.settings);
  it.slurm.on("sbatch", "echo 'sbatch: Job 4 to start at 2026-11-24T03:11:10' >&2");
  CHECK(queue.problem(it.job) == "");
  CHECK(it.slurm.calls("sbatch").at(0).starts_with(
      "sbatch --test-only --nodes=4 --ntasks-per-node=1 --cpus-per-task=2 --gres=gpu:9 "
      "--time=12:00:00 /"));
  it.slurm.on("sbatch", FakeSlurm::fail(1,
                                        "allocation failure: Requested node configuration is "
                                        "not available"));
  it.slurm.on("sinfo", "exit 0");
  CHECK(queue.problem(it.job) ==
        "slurm refuses such jobs: Requested node configuration is not available; a job asks for 4 "
        "x 1 ranks with 2 processors each and 'gpu:9' a node; `sinfo -o '%P %D %c %G'` shows what "
        "there is");
  it.slurm.on("sinfo", "echo 1");  // a node out of service: later the job may fit
  CHECK(queue.problem(it.job) == "");
  it.slurm.on("sbatch", FakeSlurm::fail(1, kTimedOut));
  CHECK(queue.problem(it.job) == "");
  it.slurm.without("sbatch");
  CHECK(queue.problem(it.job) ==
        "no 'sbatch' on PATH; use a login node of the cluster, or another launcher in [launch]");
}

TEST_CASE("each refusal names the setting") {
  Submission it;
  it.settings = {.account = "a", .qos = "q", .time = "9-00", .gres = "gpu:9"};
  const auto advice = [&](const std::string& words) {
    it.slurm.on("sbatch", FakeSlurm::fail(1, words));
    const std::string problem = SlurmQueue(it.settings).problem(it.job);
    return problem.substr(problem.find("; ") + 2);
  };
  CHECK(advice("Invalid account or account/partition combination specified") ==
        "'account' in [launch.slurm] is 'a'; `sacctmgr show associations user=$USER` lists yours");
  CHECK(advice("Invalid qos specification") ==
        "'qos' in [launch.slurm] is 'q'; `sacctmgr show associations user=$USER` lists yours");
  CHECK(advice("Requested time limit is invalid (missing or exceeds some limit)") ==
        "'time' in [launch.slurm] is '9-00'; `sinfo -o '%P %l'` shows what partitions allow");
  CHECK(advice("Invalid generic resource (gres) specification") ==
        "'gres' in [launch.slurm] is 'gpu:9'; `sinfo -o '%P %G'` shows what nodes have");
  CHECK(advice("Something new") == "see [launch.slurm]");
}

TEST_CASE("people are told of Slurm's version and partitions, or that it does not answer") {
  FakeSlurm slurm;
  slurm.in_turn("sinfo",
                {"echo slurm 22.05.8", FakeSlurm::say("main (2 nodes, up)\nlow (2 nodes, up)")});
  CHECK(SlurmQueue({}).about() ==
        "slurm 22.05.8; partitions main (2 nodes, up), low (2 nodes, up)");
  slurm.in_turn("sinfo", {"echo slurm 22.05.8", FakeSlurm::fail(1, "slurm_load_partitions: away")});
  CHECK(message_of([] { SlurmQueue({}).about(); }) == "slurm_load_partitions: away");
  slurm.without("sinfo");
  CHECK(SlurmQueue({}).about().empty());
}

}  // namespace
}  // namespace xp
