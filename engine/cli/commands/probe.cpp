// `xp probe`: measures links and compute for seconds, so that `xp plan` predicts steps before
// anything ran.
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/programs.h"
#include "engine/plan/step_model.h"
#include "engine/run/work.h"
#include "registry/launcher.h"
#include "results/runs/provenance.h"

#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <thread>

namespace xp {
namespace {

struct Options : ExperimentOptions {
  static constexpr std::string_view kDetails =
      "All ranks of a point exchange rows and then train a batch, for some seconds: latency and\n"
      "rate of the links inside a node and between nodes, the time of the model without and with\n"
      "experts, and the processors that a rank gets for both. The result is kept in the\n"
      "workspace for each layout of [launch]; `xp plan` and the columns\n"
      "predicted_step_ms, predicted_exposed_ms, ... of `xp report` use it.\n"
      "If runs go through a scheduler's queue, call it inside a job of the same nodes:\n"
      "\n"
      "sbatch --nodes 2 --wrap 'xp probe sweep.toml'";
};

// Of each layout the point that computes most: it has experts if any has.
std::vector<const Point*> points_to_probe(const Plan& plan, const Workspace& workspace) {
  const auto flops = [](const Point& point) {
    const auto found = point.assessment->figures.find("flops");
    return found == point.assessment->figures.end() ? 0 : found->second;
  };
  std::map<fs::path, const Point*> most;
  std::vector<fs::path> order;
  for (const auto& point : plan.points) {
    const fs::path file = probe_file(workspace, point.settings().at("launch"));
    const auto [at, is_new] = most.try_emplace(file, &point);
    if (is_new) order.push_back(file);
    if (flops(point) > flops(*at->second)) at->second = &point;
  }
  std::vector<const Point*> out;
  for (const auto& file : order)
    out.push_back(most.at(file));
  return out;
}

LaunchEnd run_to_its_end(const Launcher& launcher, const LaunchJob& job) {
  const auto running = launcher.start(job);
  for (;;) {
    if (const auto end = running->poll()) return *end;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Probe measured(const Work& work, const Point& point) {
  const auto launcher = make_part<Launcher>(work.launch());
  if (launcher->queue() && !launcher->allocation()) {
    user_error(
        "the runs of {} wait in the queue of '{}'; call `xp probe` inside a job of the same nodes",
        point.name, work.launch().value("use", ""));
  }
  LaunchJob job = shape_of_job(work.launch());
  job.name = "probe";
  job.links = {};  // predictions put them in place of what is measured
  job.log_folder = work.folder;
  job.command = work.command;
  const LaunchEnd end = run_to_its_end(*launcher, job);
  if (end.outcome == Outcome::kUser) user_error("{}", end.cause);
  if (end.outcome != Outcome::kDone)
    machine_error("the probe of {} failed: {}", point.name, end.cause);
  Probe out = times_of_probe(Value::parse(read_file(work.folder / "probe.json")));
  out.figures = point.assessment->figures;
  out.machine = provenance({}).value("cpu", "");
  out.other_load = end.other_load;
  return out;
}

std::string rate_text(const LinkSpeed& link) {
  if (link.bytes_per_s == 0) return "none";
  return fmt::format("{:.0f} Mbit/s, {:.2f} ms", 8e-6 * link.bytes_per_s, 1e3 * link.latency_s);
}

void print(const Point& point, const Probe& probe) {
  fmt::print(
      "{}\n  links inside a node, of each rank: {}\n  links between nodes, of each node: {}\n"
      "  an update without experts: {:.0f} ms; with all rows of experts: {:.0f} ms\n"
      "  processors of each rank: {:.1f}, of which an update's compute keeps {:.1f} busy\n",
      probe.machine, rate_text(probe.in_node), rate_text(probe.inter_node), 1e3 * probe.dense_s,
      1e3 * probe.full_s, probe.processors, probe.busy_processors);
  if (const std::string note = distrust(probe); !note.empty())
    fmt::print("note: {}: {}\n", point.name, note);
}

int probe_links(const Options& options) {
  auto experiment = identify_experiment(options);
  if (!experiment) return Exit::kSpec;
  Plan& plan = experiment->plan;
  const Workspace workspace{options.workspace};
  const Corpora& corpora = *experiment->corpora;
  for (const Point* point : points_to_probe(plan, workspace)) {
    corpora.prepare(point->settings().at("corpus"));
    if (!point->ids) identify(plan, [&](const Value& corpus) { return corpora.identity(corpus); });
    const fs::path file = probe_file(workspace, point->settings().at("launch"));
    fs::path folder = file;
    folder.replace_extension();
    fs::create_directories(folder);
    const Work work = probe_of(plan, *point, workspace, existing_engine(), folder);
    replace_file(folder / "spec.toml", to_toml(work.spec));
    const Probe probe = measured(work, *point);
    write_probe(file, probe);
    fs::remove_all(folder);
    print(*point, probe);
  }
  fmt::print("next: {}\n", next_command(options, "plan"));
  return Exit::kDone;
}

XP_COMMAND(Options, probe_links, "probe", Group::kExperiments,
           "measure links and compute for some seconds, for `xp plan` to predict steps");

}  // namespace
}  // namespace xp
