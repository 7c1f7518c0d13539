// Which branches ran, for the fuzz driver: called at every edge of code that is built with
// XP_COVERAGE (the preset `asan`). Built without it itself, hence a folder and a library of its
// own.
#include <cstdint>

extern "C" {

unsigned char xp_coverage_map[1 << 14];

void __sanitizer_cov_trace_pc() {
  static uintptr_t previous = 0;
  const auto here = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  const uintptr_t mixed = (here * 0x9E3779B97F4A7C15u) >> 40;
  unsigned char& count = xp_coverage_map[(mixed ^ previous) % sizeof(xp_coverage_map)];
  if (count < 255) ++count;
  previous = mixed >> 1;
}
}
