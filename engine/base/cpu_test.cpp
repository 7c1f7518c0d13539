// Processors by what the kernel says of them.
#include "engine/base/cpu.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("which processors multiply bf16 faster is among the first one's flags") {
  CHECK(multiplies_bf16_faster("vendor_id\t: AuthenticAMD\nflags\t\t: avx512f avx512_bf16 sse2\n"));
  CHECK_FALSE(multiplies_bf16_faster("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16\n"));
  CHECK(multiplies_bf16_faster("vendor_id\t: GenuineIntel\nflags\t\t: fpu amx_bf16\n"));
  CHECK(multiplies_bf16_faster("Features\t: fp asimd bf16\n"));
  CHECK_FALSE(multiplies_bf16_faster("vendor_id\t: AuthenticAMD\nflags\t\t: avx2 avx512_bf16x\n"));
  CHECK_FALSE(multiplies_bf16_faster("flags\t\t: fpu avx2\n\nflags\t\t: amx_bf16\n"));
  CHECK_FALSE(multiplies_bf16_faster(""));
}
