// Counters of a made-up machine.
#include "engine/launch/machine_use.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <thread>
#include <unistd.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Machine {
  Machine() {
    busy(0);
    energy("intel-rapl:0", 100);
    energy("intel-rapl:1", 900);
    energy("intel-rapl:0:0", 50);  // a part of the first
  }
  // `seconds` of work since it booted, on all its processors.
  void busy(int seconds) const {
    const auto ticks = seconds * ::sysconf(_SC_CLK_TCK);
    write_atomic(
        root / "proc/stat",
        fmt::format("cpu  {} 0 0 123456 99 0 0 0 0 0\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n", ticks));
  }
  void energy(const std::string& name, int64_t uj) const {
    const fs::path counter = root / "sys/class/powercap" / name;
    write_atomic(counter / "energy_uj", fmt::format("{}\n", uj * 1'000'000));
    write_atomic(counter / "max_energy_range_uj", "1000000000\n");
  }
  TempFolder folder;
  fs::path root = folder.path();
};

void pass_a_second() {
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
}

}  // namespace

TEST_CASE("energy is that of all processors, also if a counter starts over meanwhile") {
  const Machine machine;
  MachineUse use(machine.root);
  machine.energy("intel-rapl:0", 130);
  machine.energy("intel-rapl:1", 20);  // 900 .. 1000, 0 .. 20
  machine.energy("intel-rapl:0:0", 70);
  CHECK(use.energy_j() == 150);
  machine.energy("intel-rapl:0", 140);
  CHECK(use.energy_j() == 160);
}

TEST_CASE("what was busy without us is the load of others") {
  const Machine machine;
  const MachineUse use(machine.root);
  machine.busy(10);
  pass_a_second();
  CHECK(use.other_load(10) == 0);
  CHECK(use.other_load(12) == 0);
  CHECK(use.other_load(4) > 0);
  CHECK(use.other_load(4) <= 6 / 1.05 / 2);
}

TEST_CASE("a machine that says nothing has no load and no energy") {
  const TempFolder empty;
  MachineUse use(empty.path());
  pass_a_second();
  CHECK(use.other_load(0) < 0);
  CHECK(use.energy_j() == 0);
}

TEST_CASE("this machine says how busy it is") {
  const MachineUse use;
  pass_a_second();
  CHECK(use.other_load(0) >= 0);
}
