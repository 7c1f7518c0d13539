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

bool multiplies_bf16_faster(std::string_view cpuinfo) {
  bool is_amd = false;
  for (const auto& line : split(cpuinfo, '\n')) {
    const std::string_view text = line;
    if (text.starts_with("vendor_id")) is_amd = text.ends_with("AuthenticAMD");
    if (!text.starts_with("flags") && !text.starts_with("Features")) continue;
    const auto words = split(text, ' ');
    return std::any_of(words.begin(), words.end(), [is_amd](const auto& word) {
      return (word == "avx512_bf16" && is_amd) || word == "amx_bf16" || word == "bf16";
    });
  }
  return false;
}

bool multiplies_bf16_faster() {
  static const bool is_faster = multiplies_bf16_faster(read_if_there("/proc/cpuinfo").value_or(""));
  return is_faster;
}

double own_cpu_seconds() {
  return seconds_on(CLOCK_PROCESS_CPUTIME_ID);
}
double thread_cpu_seconds() {
  return seconds_on(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace xp
