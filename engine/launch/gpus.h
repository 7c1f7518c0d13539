// What the NVIDIA driver says of this machine's GPUs, asked through its management library (NVML),
// which is loaded if it is there: nothing links it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xp {

/// The fastest way between two GPUs.
enum class GpuLink { kNvLink, kPcie, kProcessors };

struct Gpu {
  std::string name;
  int64_t memory_bytes = 0;
};

struct GpuReport {
  std::string problem;  ///< why nothing is known; empty otherwise. A machine without a driver has
                        ///< the problem "there is no NVIDIA driver"
  std::string driver;   ///< its version, "580.65.06"
  std::string cuda;     ///< the newest CUDA that it supports, "13.0"
  std::vector<Gpu> gpus;
  std::vector<std::vector<GpuLink>> links;  ///< [gpu][gpu]; of a GPU and itself not used
};

/// Cost: milliseconds with a driver, and the start of the GPUs if nobody uses them.
GpuReport gpu_report(const std::string& library = "libnvidia-ml.so.1");

/// One sentence: "2 x NVIDIA H200 (150.8 GB), linked by NVLink; driver 580.65.06, CUDA 13.0".
std::string summary(const GpuReport& report);

/// What is wrong with the first `ranks` GPUs as the ranks of one node: fewer GPUs, or links inside
/// the node that are no faster than those between nodes. Empty if nothing is.
std::string node_problem(const GpuReport& report, int64_t ranks);

}  // namespace xp
