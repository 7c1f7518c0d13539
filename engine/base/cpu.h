// What this machine's processor can do, and what this process used of it.
#pragma once

#include <string_view>

namespace xp {

/// Whether the processor multiplies bfloat16 matrices itself (AVX512-BF16, AMX, Arm's BF16).
/// Without that, bf16 takes many times as long as fp32. False if the kernel does not say.
bool has_bf16_instructions();

/// The same of the text of /proc/cpuinfo.
bool has_bf16_instructions(std::string_view cpuinfo);

/// What to tell whoever computes in bf16 on such a processor.
inline constexpr const char* kNoBf16 =
    "this processor has no bf16 instructions (AVX512-BF16 or AMX): train.precision = \"bf16\" "
    "takes "
    "many times as long as \"fp32\" here";

/// CPU time of this process so far, all threads.
double own_cpu_seconds();
/// The same of the calling thread.
double thread_cpu_seconds();

}  // namespace xp
