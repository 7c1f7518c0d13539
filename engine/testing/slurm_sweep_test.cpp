// A sweep through Slurm ends with the figures of the same sweep on this machine, whatever happens
// to the cluster, the disk and the xp that watches.
#include "engine/base/hash.h"
#include "engine/testing/cluster.h"
#include "engine/testing/user.h"
#include "results/runs/attempts.h"
#include "results/runs/programs.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <sched.h>
#include <set>
#include <sys/mount.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Six trainings with an evaluation each. Jobs are in the lower partition, so that others can take
// their place.
constexpr const char* kSpec = R"(# Claim: what happens to a cluster changes no figure.
schema = 1
name = "six"
description = "dense against SCoMoE-seq, 2 nodes x 2 ranks"
extends = ["{}/experiments/smoke.toml"]
[model.moe]
experts = 4
[train]
max_updates = 40
validate_every = 20
save_every = 5
[launch]
use = "{}"
nodes = 2
ranks_per_node = 2
timeout_s = 20
{}
[sweep]
"model.moe.exchange.use" = ["dense", "scomoe-seq"]
"train.seed" = {{ repeat = 3, base = 1 }}
[report]
columns = ["bleu", "inter_node_bytes", "parameters"]
)";
constexpr const char* kSlurm = R"([launch.slurm]
partition = "low"
time = "00:10:00"
retries = 3)";

struct Six : User {
  explicit Six(const std::string& launcher) {
    write_atomic(spec(), fmt::format(kSpec, fs::current_path().string(), launcher,
                                     launcher == "slurm" ? kSlurm : ""));
  }
  fs::path spec() const { return folder.path() / "six.toml"; }
  Finished run() const { return xp({"run", spec().string()}); }
  std::string report() const { return xp({"report", spec().string(), "--format", "csv"}).output; }
};

// What the cluster must not change.
struct Expected {
  Value figures;
  std::string report;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Expected, figures, report)

// Computed once for each build and kept beside it: ctest starts this program for each test.
const Expected& expected() {
  static const Expected out = [] {
    const Value build = {program_sha256(build_folder() / "xp"),
                         program_sha256(build_folder() / "xp-engine"), kSpec};
    const fs::path file = build_folder() / "tests" / ("six-" + content_id(build) + ".json");
    const FileLock turn = FileLock::wait(file.string() + ".lock");
    if (const auto kept = read_if_there(file)) return Value::parse(*kept).get<Expected>();
    const Six calm("local");
    const Finished finished = calm.run();
    INFO(finished.errors);
    REQUIRE(finished.exit_code == 0);
    const Expected made{calm.figures(), calm.report()};
    write_atomic(file, Value(made).dump());
    return made;
  }();
  return out;
}

// One attempt, by its folder's run and number.
struct AttemptName {
  fs::path run;
  int64_t number = 0;
  fs::path folder() const { return attempt_folder(run, number); }
};

enum class Fault {
  kKillNode,
  kUnplug,
  kDrain,
  kCancelJob,
  kTimeLimit,
  kPreempt,
  kStall,
  kFullDisk,
  kKillXp
};
constexpr std::array<const char*, 9> kFaultNames = {
    "kill-node",       "unplug",           "drain",  "cancel a job", "time limit", "preempt",
    "stall slurmctld", "fill up the disk", "kill xp"};

// How an attempt may end that is under way when the fault comes, besides being done. A full disk
// keeps a record of the end from being written, too.
std::set<Outcome> consequences(Fault fault) {
  switch (fault) {
    case Fault::kKillNode:
      return {Outcome::kMachine};
    case Fault::kUnplug:  // a node that comes back ends the jobs that went elsewhere meanwhile
      return {Outcome::kMachine, Outcome::kPreempted};
    case Fault::kCancelJob:
      return {Outcome::kCancelled};
    case Fault::kTimeLimit:
      return {Outcome::kTimeLimit};
    case Fault::kPreempt:
      return {Outcome::kPreempted};
    case Fault::kFullDisk:
      return {Outcome::kMachine, Outcome::kLost};
    case Fault::kStall:  // srun cannot start a step then
      return {Outcome::kMachine};
    case Fault::kDrain:
    case Fault::kKillXp:
      return {};
  }
  return {};
}

// What happened, from when to when; to which job, if it was one alone.
struct Mishap {
  Fault fault;
  double from_s = 0, to_s = 0;
  std::string job;
};

void pause(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// `xp run` on a cluster whose shared disk is a small one, started again whenever it ends early.
class HarriedSweep {
 public:
  explicit HarriedSweep(uint64_t seed) : random_(seed) {
    fs::create_directories(six_.workspace);
    // In a mount namespace of our own, which the cluster's are copies of: it goes with this
    // process, however that ends.
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
        ::mount("tmpfs", six_.workspace.c_str(), "tmpfs", 0, "size=256m") != 0)
      SKIP("a small file system cannot be mounted here; it needs root");
    cluster_.emplace(Cluster::Words{"--cpus", "4"});
    xp_.emplace(command(), log());
  }
  ~HarriedSweep() {
    xp_.reset();
    cluster_.reset();
    ::umount2(six_.workspace.c_str(), MNT_DETACH);
  }

  /// Waits until something runs, does it, and lets things settle. False if the sweep was over.
  bool suffer(Fault fault) {
    pause(static_cast<double>(random_() % 3000) / 1000);
    if (!keep_running_until([&] { return !under_way().empty(); })) return false;
    const auto victims = under_way();
    if (victims.empty()) return false;
    fmt::print(stderr, "fault: {} while {} runs are under way\n",
               kFaultNames[static_cast<size_t>(fault)], victims.size());
    Mishap mishap{fault, now_s(), 0, ""};
    inflict(mishap, victims.front());
    mishap.to_s = now_s();
    mishaps_.push_back(std::move(mishap));
    return true;
  }

  /// Nothing is lost, nothing was done twice, all ends are known and right, all figures the same.
  void finish() {
    REQUIRE(keep_running_until([] { return false; }) == false);
    INFO("see " << keep_log());
    CHECK(six_.figures() == expected().figures);
    CHECK(six_.report() == expected().report);
    CHECK(six_.num_half_written() == 0);
    CHECK(Cluster::await(20, [&] { return cluster_->ask({"squeue", "-h", "-o", "%j"}).empty(); }));
    for (const auto& run : six_.runs())
      check_attempts(run);
    check_jobs();
  }

 private:
  std::vector<std::string> command() const { return six_.command({"run", six_.spec().string()}); }
  fs::path log() const { return six_.folder.path() / "xp.log"; }
  fs::path keep_log() const {
    const fs::path kept = fs::temp_directory_path() / "xp-slurm-sweep.log";
    fs::copy_file(log(), kept, fs::copy_options::overwrite_existing);
    return kept;
  }

  // No job was submitted twice. Elements of an array share its name.
  void check_jobs() const {
    const std::string listed =
        cluster_->ask({"squeue", "-h", "-r", "-t", "all", "-o", "%j %K %i %T %r"});
    INFO(listed);
    std::set<std::string> names;
    for (const auto& line : split(listed, '\n')) {
      const auto words = split(line, ' ');
      // What sbatch refuses leaves a record, too.
      if (words[0] == "other" || words[4] == "BadConstraints") continue;
      CHECK(names.insert(words[0] + " " + words[1]).second);
    }
  }

  // Attempts whose ranks were started and whose end nobody has written.
  std::vector<AttemptName> under_way() const {
    std::vector<AttemptName> out;
    for (const auto& run : six_.runs()) {
      const AttemptName last{run, last_attempt(run)};
      if (last.number > 0 && read_start(last.folder()) && !read_end(last.folder()))
        out.push_back(last);
    }
    return out;
  }

  // Keeps `xp run` going until `holds`; false if the sweep was done before that.
  bool keep_running_until(const std::function<bool()>& holds) {
    constexpr int kMaxStarts = 40;
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(10);
    while (!holds()) {
      if (const auto code = xp_->poll()) {
        if (*code == 0) return false;
        INFO("xp run ended with " << *code << "; see " << keep_log());
        REQUIRE(++starts_ < kMaxStarts);
        pause(1);
        xp_.emplace(command(), log());
      }
      INFO("nothing happens; see " << keep_log());
      REQUIRE(std::chrono::steady_clock::now() < end);
      pause(0.05);
    }
    return true;
  }

  // Does it, waits for its effect, and repairs what a person would have to repair. A job may be
  // over by then: scancel then fails.
  void inflict(Mishap& mishap, const AttemptName& victim) {
    const int node = static_cast<int>(random_() % 2);
    switch (mishap.fault) {
      case Fault::kKillNode:
        cluster_->kill_node(node);
        pause(2);
        return cluster_->restart_node(node);
      case Fault::kUnplug:
        cluster_->unplug(node);
        pause(static_cast<double>(random_() % 40));  // Slurm notices after half a minute
        return cluster_->restart_node(node);
      case Fault::kDrain:
        cluster_->drain(node);
        pause(10);
        return cluster_->resume(node);
      case Fault::kCancelJob:
        mishap.job = job_of(victim);
        cluster_->run({"scancel", mishap.job});
        return;
      case Fault::kTimeLimit:  // what Slurm sends before the time is up
        mishap.job = job_of(victim);
        cluster_->run({"scancel", "--signal=USR1", "--batch", mishap.job});
        return;
      case Fault::kPreempt:
        cluster_->ask({"sbatch", "--wait", "--output=/dev/null", "--job-name=other", "-p", "main",
                       "-N2", "--exclusive", "--wrap", "sleep 1"});
        return;
      case Fault::kStall:
        cluster_->stall();
        pause(20);
        return cluster_->unstall();
      case Fault::kFullDisk:
        fill_disk();
        pause(5);
        fs::remove(six_.workspace / "ballast");
        return;
      case Fault::kKillXp:
        xp_->kill(SIGKILL);
        return;
    }
  }

  static std::string job_of(const AttemptName& attempt) {
    const auto start = read_start(attempt.folder());
    REQUIRE(start);
    return start->job;
  }

  void fill_disk() const {
    Finished full;
    while (full.exit_code == 0)
      full = run_program({"dd", "if=/dev/zero", "of=" + (six_.workspace / "ballast").string(),
                          "bs=64k", "oflag=append", "conv=notrunc"});
  }

  // Exactly one attempt did it, the last one; no two at the same time; every end is what the fault
  // at that time explains.
  void check_attempts(const fs::path& run) const {
    const int64_t last = last_attempt(run);
    double free_from_s = 0;
    for (int64_t number = 1; number <= last; ++number) {
      const AttemptName name{run, number};
      INFO(name.folder());
      const auto end = read_end(name.folder());
      REQUIRE(end);
      CHECK((end->outcome == Outcome::kDone) == (number == last));
      if (const auto begun = begun_s(name)) CHECK(*begun >= free_from_s);
      free_from_s = end->ended_s;
      if (number == last) continue;
      INFO(outcome_name(end->outcome) << ": " << end->cause);
      CHECK(is_explained(name, *end));
    }
  }
  // Whether something happened during the attempt, or shortly before it, that ends one so.
  bool is_explained(const AttemptName& name, const AttemptEnd& end) const {
    constexpr double kAftermath_s = 30;
    const auto start = read_start(name.folder());
    const double from_s = start ? start->started_s : end.ended_s;
    return std::any_of(mishaps_.begin(), mishaps_.end(), [&](const Mishap& mishap) {
      const bool is_its_job = mishap.job.empty() || !start || start->job == mishap.job;
      // That a job went before it began is known once the scheduler answers again.
      const bool is_told_later = !start && !mishap.job.empty() &&
                                 end.cause.starts_with(fmt::format("job {} ", mishap.job));
      const bool is_in_time = from_s <= mishap.to_s + kAftermath_s || is_told_later;
      return mishap.from_s <= end.ended_s && is_in_time && is_its_job &&
             consequences(mishap.fault).contains(end.outcome);
    });
  }
  // When its ranks were started, if they were.
  static std::optional<double> begun_s(const AttemptName& name) {
    const fs::path record = name.folder() / "launcher.json";
    if (!fs::exists(record)) return std::nullopt;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(record);
    return now_s() - std::chrono::duration<double>(age).count() + 0.05;
  }

  std::mt19937_64 random_;
  Six six_{"slurm"};
  std::optional<Cluster> cluster_;
  std::optional<Background> xp_;
  std::vector<Mishap> mishaps_;
  int starts_ = 0;
};

}  // namespace

TEST_CASE("a sweep through Slurm ends with the figures of this machine", "[cluster]") {
  const Cluster cluster({"--cpus", "4"});
  const Six slurm("slurm");
  const Finished finished = slurm.run();
  INFO(finished.errors);
  REQUIRE(finished.exit_code == 0);
  CHECK(slurm.figures() == expected().figures);
  CHECK(slurm.report() == expected().report);
  CHECK(slurm.runs().size() == 12);
  for (const auto& run : slurm.runs()) {
    CHECK(last_attempt(run) == 1);
    const auto start = read_start(attempt_folder(run, 1));
    REQUIRE(start);
    CHECK(start->launcher == "slurm");
    CHECK(start->hosts.size() == 2);
    CHECK(start->interface == "eth0");
  }
  const Finished again = slurm.run();
  CHECK(again.exit_code == 0);
  CHECK(again.errors.find("nothing to do") != std::string::npos);
}

TEST_CASE("five things that happen to a cluster change no figure", "[cluster]") {
  HarriedSweep sweep(1);
  for (const Fault fault :
       {Fault::kKillXp, Fault::kTimeLimit, Fault::kKillNode, Fault::kPreempt, Fault::kCancelJob})
    CHECK(sweep.suffer(fault));
  sweep.finish();
}

TEST_CASE("thirty things that happen to a cluster change no figure", "[.][soak]") {
  const char* given = std::getenv("XP_SOAK_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : ::time(nullptr);
  fmt::print(stderr, "XP_SOAK_SEED={}\n", seed);
  std::mt19937_64 random(seed);
  std::vector<Fault> faults;
  for (int i = 0; i < 36; ++i)
    faults.push_back(static_cast<Fault>(i % kFaultNames.size()));
  std::shuffle(faults.begin(), faults.end(), random);
  while (!faults.empty()) {
    HarriedSweep sweep(random());
    while (!faults.empty() && sweep.suffer(faults.back()))
      faults.pop_back();
    sweep.finish();
  }
}
