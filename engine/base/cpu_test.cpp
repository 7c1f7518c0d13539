// Processors by what the kernel says of them.
#include "engine/base/cpu.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("bf16 instructions are among the first processor's flags") {
  CHECK(has_bf16_instructions("model name\t: x\nflags\t\t: fpu avx512f avx512_bf16 sse2\n"));
  CHECK(has_bf16_instructions("flags\t\t: fpu amx_bf16\n"));
  CHECK(has_bf16_instructions("Features\t: fp asimd bf16\n"));
  CHECK_FALSE(has_bf16_instructions("flags\t\t: fpu avx2 avx512_bf16x\n"));
  CHECK_FALSE(has_bf16_instructions("flags\t\t: fpu avx2\n\nflags\t\t: avx512_bf16\n"));
  CHECK_FALSE(has_bf16_instructions(""));
}
