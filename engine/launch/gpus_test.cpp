// The answers of a management library that is not NVIDIA's.
#include "engine/launch/gpus.h"

#include "engine/base/own_program.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

GpuReport fake_report() {
  return gpu_report((own_program().parent_path() / "libxp_fake_nvml.so").string());
}

}  // namespace

TEST_CASE("a machine without a driver has no GPUs to report") {
  const GpuReport report = gpu_report("libxp-no-such-library.so.1");
  CHECK(summary(report) == "there is no NVIDIA driver");
  CHECK(node_problem(report, 8).empty());
}

TEST_CASE("GPUs are reported with their memory, links and driver") {
  const GpuReport report = fake_report();
  REQUIRE(report.gpus.size() == 3);
  CHECK(report.links[0][1] == GpuLink::kNvLink);
  CHECK(report.links[1][2] == GpuLink::kProcessors);
  CHECK(summary(report) ==
        "2 x NVIDIA H200 (150.8 GB), 1 x Tesla T4 (16.1 GB), linked by the way through the "
        "processors; driver 580.65.06, CUDA 13.0");
}

TEST_CASE("GPUs that are too few or too far apart for a node are a problem of it") {
  const GpuReport report = fake_report();
  CHECK(node_problem(report, 1).empty());
  CHECK(node_problem(report, 2).empty());
  CHECK(
      node_problem(report, 3) ==
      "GPUs of a node reach each other by the way through the processors only, which is no faster "
      "than a network: more nodes with fewer ranks in each fit the machine");
  CHECK(node_problem(report, 4) == "4 ranks on a node that has 3 GPUs");
}

TEST_CASE("a driver that does not fit its kernel module is told in its own words") {
  ::setenv("XP_FAKE_NVML", "broken", /*overwrite=*/1);
  const GpuReport report = fake_report();
  ::unsetenv("XP_FAKE_NVML");
  CHECK(report.problem == "the NVIDIA driver does not answer: Driver/library version mismatch");
}
