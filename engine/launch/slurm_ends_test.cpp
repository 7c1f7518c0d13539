// Every way in which Slurm's daemons end a job or keep it from running, and what is made of it.
// What they cannot be brought to here is in slurm_state_test.cpp, in the words of the manual.
#include "engine/launch/slurm.h"
#include "engine/launch/slurm_lookup.h"
#include "engine/testing/cluster.h"

namespace xp {
namespace {

using Phase = BatchState::Phase;
using Words = std::map<std::string, std::string>;  // of each job, by its name

std::string in_words(const BatchState& state) {
  switch (state.phase) {
    case Phase::kEnded:
      return fmt::format("ended: {}", outcome_name(state.outcome));
    case Phase::kPending:
      return state.is_stuck ? "stuck" : "pending";
    case Phase::kRunning:
      return "running";
    case Phase::kUnknown:
      break;
  }
  return "unknown";
}

std::string differences_of(const Words& words, const Words& expected) {
  std::string out;
  for (const auto& [name, text] : words) {
    const auto found = expected.find(name);
    if (found == expected.end() || found->second != text) out += name + " " + text + "; ";
  }
  return words.size() == expected.size() ? out : out + "of another number";
}

// Jobs of one processor, asked for together.
struct Jobs {
  explicit Jobs(const Cluster::Words& options = {}) : cluster(options) {}

  void submit(const std::string& name, const std::string& script,
              const std::vector<std::string>& options = {}) {
    std::vector<std::string> words = {"sbatch", "--parsable", "--job-name=" + name,
                                      "--output=/dev/null"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--wrap", script});
    ids[name] = cluster.ask(words);
  }
  BatchState state(const std::string& name) {
    return SlurmQueue({}).poll({{name, ids.at(name)}}).at(name);
  }
  Words now() {
    Words out;
    for (const auto& [name, state] : SlurmQueue({}).poll(ids))
      out[name] = in_words(state);
    return out;
  }
  // Waits until they are so; what else they are after so many seconds.
  std::string differences(const Words& expected, double seconds = 20) {
    Words last;
    Cluster::await(seconds, [&] { return (last = now()) == expected; });
    return differences_of(last, expected);
  }
  // The same by accounting alone.
  Words booked() const {
    Words out;
    std::vector<std::string> numbers;
    for (const auto& [name, id] : ids)
      numbers.push_back(id);
    for (const auto& job : parse_sacct(ask_accounting("--jobs=" + join(numbers, ",")).output))
      out[job.name] = in_words(state_of(job));
    return out;
  }

  Cluster cluster;
  std::map<std::string, std::string> ids;
};

// Jobs that end by themselves, one for each way.
const Words kOwnEnds = {
    {"done", "ended: done"},
    {"step-failed", "ended: done"},  // the script hid it: our own records tell
    {"wrong", "ended: user"},
    {"rank-killed-others", "ended: lost"},
    {"crashed", "ended: bug"},
    {"rank-crashed", "ended: bug"},
    {"missing", "ended: machine"},
    {"no-log", "ended: machine"},
};
void submit_own_ends(Jobs& jobs) {
  jobs.submit("done", "exit 0");
  jobs.submit("step-failed", "srun --quiet false; true");
  jobs.submit("wrong", "exit 3");
  jobs.submit("rank-killed-others",
              "srun --quiet --kill-on-bad-exit=1 sh -c 'test $SLURM_PROCID = 1 && exit 7; sleep "
              "60'; exit $?",
              {"--ntasks=2"});
  jobs.submit("crashed", "kill -SEGV $$");
  jobs.submit("rank-crashed", "srun --quiet sh -c 'kill -SEGV $$'; exit $?");
  jobs.submit("missing", "exec /no/such/program");
  jobs.submit("no-log", "exit 0", {"--output=/no/such/folder/log"});
}

TEST_CASE("each way in which a job ends by itself is known", "[cluster]") {
  Jobs jobs;
  submit_own_ends(jobs);
  CHECK(jobs.differences(kOwnEnds, 40) == "");
}

TEST_CASE("a job that somebody ends, holds or suspends", "[cluster]") {
  Jobs jobs;
  const std::string endless = "while :; do sleep 0.1; done";
  for (const char* name : {"cancelled", "suspended", "held-later"})
    jobs.submit(name, endless);
  jobs.submit("ends-well-on-the-signal", "trap 'exit 0' TERM; " + endless);
  jobs.submit("cancelled-while-it-waits", endless, {"--hold"});
  jobs.submit("held", endless, {"--hold"});
  Words expected = {{"cancelled", "running"},
                    {"cancelled-while-it-waits", "stuck"},
                    {"ends-well-on-the-signal", "running"},
                    {"held", "stuck"},
                    {"held-later", "running"},
                    {"suspended", "running"}};
  REQUIRE(jobs.differences(expected) == "");

  for (const char* name : {"cancelled", "cancelled-while-it-waits", "ends-well-on-the-signal"}) {
    jobs.cluster.ask({"scancel", jobs.ids[name]});
    expected[name] = "ended: cancelled";
  }
  jobs.cluster.ask({"scontrol", "suspend", jobs.ids["suspended"]});
  jobs.cluster.ask({"scontrol", "requeuehold", jobs.ids["held-later"]});
  expected["held-later"] = "stuck";
  CHECK(jobs.differences(expected) == "");
  CHECK(jobs.state("suspended").state == "SUSPENDED");
  CHECK(jobs.state("cancelled-while-it-waits").hosts.empty());

  jobs.cluster.ask({"scancel", jobs.ids["held-later"]});
  expected["held-later"] = "ended: cancelled";
  CHECK(jobs.differences(expected) == "");
}

TEST_CASE("a job that cannot start by itself is told from one that waits", "[cluster]") {
  Jobs jobs;
  jobs.submit("failed", "exit 3");
  jobs.submit("after-it", "exit 0", {"--dependency=afterok:" + jobs.ids["failed"]});
  jobs.submit("after-it-or-never", "exit 0",
              {"--dependency=afterok:" + jobs.ids["failed"], "--kill-on-invalid-dep=yes"});
  jobs.submit("too-many-nodes", "exit 0", {"--nodes=5"});
  jobs.submit("later", "exit 0", {"--begin=now+1hour"});
  const Words expected = {{"after-it", "stuck"},
                          {"after-it-or-never", "ended: cancelled"},
                          {"failed", "ended: user"},
                          {"later", "pending"},
                          {"too-many-nodes", "stuck"}};
  CHECK(jobs.differences(expected) == "");
  CHECK(jobs.state("after-it").reason == "DependencyNeverSatisfied");
  // Refused, and on record all the same: not a job of ours.
  CHECK(jobs.cluster.run({"sbatch", "--job-name=too-much", "--gres=gpu:9", "--wrap", "exit 0"})
            .exit_code == 1);
  CHECK(SlurmQueue({}).poll({{"too-much", ""}}).at("too-much").is_absent);
}

TEST_CASE("a job that loses its place or its node resumes or ends as it was asked to",
          "[cluster]") {
  Jobs jobs({"--cpus", "1"});
  const std::string once =
      "test -n \"$SLURM_RESTART_COUNT\" && exit 0; while :; do sleep 0.1; done";
  jobs.submit("comes-back", once, {"--partition=low", "-w", "node0", "--requeue"});
  jobs.submit("gives-way", once, {"--partition=low", "-w", "node1", "--no-requeue"});
  Words expected = {{"comes-back", "running"}, {"gives-way", "running"}};
  REQUIRE(jobs.differences(expected) == "");
  jobs.submit("higher", "sleep 1", {"--nodes=2"});
  expected = {
      {"comes-back", "ended: done"}, {"gives-way", "ended: preempted"}, {"higher", "ended: done"}};
  CHECK(jobs.differences(expected, 40) == "");
  CHECK(jobs.state("comes-back").restarts == 1);

  jobs.ids.clear();
  jobs.submit("moves", once, {"-w", "node0", "--requeue"});
  jobs.submit("dies", once, {"-w", "node1", "--no-requeue"});
  expected = {{"dies", "running"}, {"moves", "running"}};
  REQUIRE(jobs.differences(expected) == "");
  jobs.cluster.kill_node(0);
  jobs.cluster.kill_node(1);
  expected = {{"dies", "ended: machine"}, {"moves", "pending"}};
  CHECK(jobs.differences(expected) == "");
  jobs.cluster.restart_node(0);
  expected["moves"] = "ended: done";
  CHECK(jobs.differences(expected, 40) == "");
}

TEST_CASE("memory over its limit is told, in the job's own process and in a step", "[cluster]") {
  Jobs jobs({"--cgroup"});
  const std::string greedy = "dd if=/dev/zero of=/dev/null bs=300M count=1";
  jobs.submit("batch", greedy, {"--mem=50M"});
  jobs.submit("step", "srun --quiet " + greedy + "; exit $?", {"--mem=50M"});
  const Words expected = {{"batch", "ended: memory"}, {"step", "ended: machine"}};
  CHECK(jobs.differences(expected) == "");
}

TEST_CASE("a job is ended at its time limit, whether or not it listens", "[.][soak]") {
  Jobs jobs;
  jobs.submit("listens", "while :; do sleep 0.1; done", {"--time=1"});
  jobs.submit("does-not", "trap '' TERM; while :; do sleep 0.1; done", {"--time=1"});
  const Words expected = {{"does-not", "ended: time limit"}, {"listens", "ended: time limit"}};
  CHECK(jobs.differences(expected, 150) == "");
}

TEST_CASE("accounting tells the same ends of jobs that the controller forgot", "[.][soak]") {
  Jobs jobs({"--accounting", "--conf", "MinJobAge=2"});
  submit_own_ends(jobs);
  jobs.submit("cancelled", "sleep 60");
  REQUIRE(Cluster::await(10, [&] { return jobs.state("cancelled").phase == Phase::kRunning; }));
  jobs.cluster.ask({"scancel", jobs.ids["cancelled"]});
  Words expected = kOwnEnds;
  expected["cancelled"] = "ended: cancelled";
  expected["rank-crashed"] = "ended: lost";  // sacct makes a bare 11 of a shell's 139
  CHECK(Cluster::await(60, [&] {
    return jobs.cluster.ask({"squeue", "-h", "-t", "all"}).empty();
  }));
  CHECK(differences_of(jobs.booked(), expected) == "");
  CHECK(jobs.differences(expected) == "");
}

}  // namespace
}  // namespace xp
