// Flags in /proc/cpuinfo, and a clock of the kernel.
#include "engine/base/cpu.h"

#include "engine/base/file.h"
#include "engine/base/text.h"

#include <algorithm>
#include <ctime>

namespace xp {
namespace {

double seconds_on(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

bool has_bf16_instructions(std::string_view cpuinfo) {
  for (const auto& line : split(cpuinfo, '\n')) {
    const std::string_view text = line;
    if (!text.starts_with("flags") && !text.starts_with("Features")) continue;
    const auto words = split(text, ' ');
    return std::any_of(words.begin(), words.end(), [](const auto& word) {
      return word == "avx512_bf16" || word == "amx_bf16" || word == "bf16";
    });
  }
  return false;
}

bool has_bf16_instructions() {
  return has_bf16_instructions(read_if_there("/proc/cpuinfo").value_or(""));
}

double own_cpu_seconds() {
  return seconds_on(CLOCK_PROCESS_CPUTIME_ID);
}
double thread_cpu_seconds() {
  return seconds_on(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace xp
