// Slurm's queue, spoken to through its own commands, with or without accounting.
//
// One squeue call asks for all jobs. A job that is not listed is looked up with scontrol, then with
// sacct; one that nobody knows is absent, which is no end. An error of a command says nothing about
// the jobs. Jobs have unique names, so that a submission whose answer was lost is found again; many
// jobs in one call are an array, whose elements share its name.
#pragma once

#include "engine/launch/sbatch.h"
#include "registry/launcher.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace xp {

class SlurmQueue final : public BatchQueue {
 public:
  /// `pauses`: before each further try of a submission that could not reach Slurm.
  explicit SlurmQueue(SlurmSettings settings,
                      std::vector<std::chrono::milliseconds> pauses = kPauses)
      : settings_(std::move(settings)), pauses_(std::move(pauses)) {}

  std::string about() const override;
  std::string problem(const BatchJob& job) const override;
  std::string submit(const BatchJob& job) override;
  bool takes_many() const override { return true; }
  std::map<std::string, BatchState> poll(const std::map<std::string, std::string>& jobs) override;
  void cancel(const std::string& id) override;
  bool requeue(const std::string& id) override;

 private:
  static const std::vector<std::chrono::milliseconds> kPauses;
  SlurmSettings settings_;
  std::vector<std::chrono::milliseconds> pauses_;
};

}  // namespace xp
