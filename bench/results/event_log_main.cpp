// How many metric values a run can log in a second: prints {"points": N, "wall_s": ..., "cpu_s":
// ...}. The argument is a folder to write into; each event has ten values, as a small MoE layer's.
#include "results/runs/workspace.h"

#include <fmt/format.h>

#include <ctime>

namespace {

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    fmt::print(stderr, "usage: bench_event_log FOLDER\n");
    return 2;
  }
  constexpr int kEvents = 20'000, kValues = 10;
  xp::EventLog log(words[1]);
  const double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (int update = 1; update <= kEvents; ++update) {
    xp::Value values = xp::Value::object();
    for (int i = 0; i < kValues; ++i)
      values[fmt::format("decoder.1.global.figure_{}", i)] = 1.0 / (update + i);
    log.write("update", update, values);
  }
  fmt::print("{{\"points\": {}, \"wall_s\": {:.4f}, \"cpu_s\": {:.4f}}}\n", kEvents * kValues,
             seconds_of(CLOCK_MONOTONIC) - wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  return 0;
}
