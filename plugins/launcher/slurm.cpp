// Runs as jobs of a Slurm cluster: submitted with sbatch, started on its nodes with srun.
// Source: the manual pages of sbatch, squeue, sacct, scontrol and srun, Slurm 22.05 and later.
#include "engine/launch/slurm.h"

#include "engine/base/environment.h"
#include "engine/base/own_program.h"
#include "engine/launch/slurm_step.h"
#include "registry/launcher.h"

namespace xp {
namespace {

struct Slurm final : Launcher {
  struct Config {
    SlurmSettings slurm;
    void describe(auto& field) { field.table("slurm", slurm); }
    static std::vector<Rule> rules() { return SlurmSettings::rules(); }
  };
  explicit Slurm(const Config& c) : settings(c.slurm) {}

  std::unique_ptr<RunningJob> start(const LaunchJob& job) const override {
    const auto place = allocation();
    if (!place)
      user_error("not running inside a Slurm job; `xp run FILE` submits one that starts ranks");
    const bool fits_here = job.nodes == 1 || static_cast<int64_t>(place->hosts.size()) < job.nodes;
    if (fits_here) return start_on_host(job, *place);
    return start_step(settings, job, *place, own_program());
  }
  std::unique_ptr<BatchQueue> queue() const override {
    return std::make_unique<SlurmQueue>(settings);
  }
  std::optional<Allocation> allocation() const override {
    return allocation_from(environment_value);
  }
  int64_t retries() const override { return settings.retries; }
  int64_t pack() const override { return settings.pack; }

  SlurmSettings settings;
};

XP_REGISTER(Launcher, Slurm, "slurm", "runs as jobs of a Slurm cluster");

}  // namespace
}  // namespace xp
