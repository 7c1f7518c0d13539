// What else a machine did while the ranks of a run computed on it, and the energy that it took.
//
// Source: proc(5) for /proc/stat; the kernel's Documentation/power/powercap for the counters of
// Intel's and AMD's RAPL, which usually only root may read.
#pragma once

#include "engine/base/file.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace xp {

/// Counts from its construction on. `root`: the folder that has proc/ and sys/.
class MachineUse {
 public:
  explicit MachineUse(fs::path root = "/");

  /// Energy counters start over after some minutes: to be called more often than that. Cost:
  /// nothing unless half a minute has passed.
  void sample();

  /// Joules that the processors took; 0 if the machine does not say.
  double energy_j();

  /// The share of all processors' time that went into other work than ours, whose processes took
  /// `own_cpu_seconds`; below 0 if the machine does not say.
  double other_load(double own_cpu_seconds) const;

 private:
  struct Counter {
    fs::path file;
    int64_t last_uj = 0, range_uj = 0;
  };
  void read_counters();
  struct Busy {
    double seconds = -1;  ///< of all processors since the machine booted; below 0: not known
    int64_t processors = 0;
  };
  Busy busy() const;

  using Clock = std::chrono::steady_clock;
  fs::path root_;
  Clock::time_point begun_, next_sample_;
  Busy before_;
  std::vector<Counter> counters_;
  double energy_uj_ = 0;
};

}  // namespace xp
