// What this machine's processor can do, and what this process used of it.
#pragma once

#include <string_view>

namespace xp {

/// Whether the processor multiplies matrices of bfloat16 faster than those of fp32: with AMX, with
/// Arm's BF16, and with AVX512-BF16 of AMD, which does twice the work of an fp32 instruction;
/// Intel's takes twice as long. False if the kernel does not say.
bool multiplies_bf16_faster();

/// The same of the text of /proc/cpuinfo.
bool multiplies_bf16_faster(std::string_view cpuinfo);

/// What to tell whoever computes in bf16 on another processor.
inline constexpr const char* kNoBf16 =
    "this processor multiplies bf16 no faster than fp32: train.precision = \"bf16\" takes less "
    "memory here, but no less time";

/// CPU time of this process so far, all threads.
double own_cpu_seconds();
/// The same of the calling thread.
double thread_cpu_seconds();

}  // namespace xp
