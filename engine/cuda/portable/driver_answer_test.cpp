// Every way in which a machine can have no GPU has its own sentence.
#include "engine/cuda/portable/driver_answer.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("a machine with a GPU and a driver has no problem") {
  CHECK(driver_problem({.driver = 13000, .runtime = 13000, .devices = 1}).empty());
  CHECK(driver_problem({.driver = 13020, .runtime = 13000, .devices = 8}).empty());
  CHECK(driver_problem({.driver = 13000, .runtime = 13020, .devices = 8}).empty());
}

TEST_CASE("without a driver, or with one that is too old, the version that is needed is named") {
  CHECK(driver_problem({.driver = 0, .runtime = 13000, .error = "driver is insufficient"}) ==
        "there is no NVIDIA driver on this machine; install one (580.65 or later), or set device = "
        "\"cpu\" in [launch]");
  CHECK(driver_problem({.driver = 12040, .runtime = 13000, .error = "driver is insufficient"}) ==
        "the NVIDIA driver supports CUDA 12.4, but this build needs 13.0; install a driver 580.65 "
        "or later, or set device = \"cpu\" in [launch]");
}

TEST_CASE("GPUs that are hidden or do not answer are told apart") {
  CHECK(driver_problem({.driver = 13000,
                        .runtime = 13000,
                        .error = "no CUDA-capable device is detected",
                        .visible = "",
                        .hides = true}) ==
        "CUDA_VISIBLE_DEVICES is '', which leaves no GPU; unset it, or set device = \"cpu\" in "
        "[launch]");
  CHECK(
      driver_problem(
          {.driver = 13000, .runtime = 13000, .error = "no CUDA-capable device is detected"}) ==
      "the NVIDIA driver has no GPU: no CUDA-capable device is detected; see `nvidia-smi`, or set "
      "device = \"cpu\" in [launch]");
}
