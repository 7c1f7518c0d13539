// Differences of the kernel's counters.
#include "engine/launch/machine_use.h"

#include "engine/base/error.h"

#include <algorithm>
#include <charconv>
#include <unistd.h>

namespace xp {
namespace {

constexpr auto kSampleEvery = std::chrono::seconds(30);
// Below a second the kernel's ticks say nothing.
constexpr double kMinSeconds = 1;

// -1 if the file is not there or holds no number.
int64_t number_in(const fs::path& file) {
  int64_t out = -1;
  try {
    const std::string text = read_if_there(file).value_or("");
    std::from_chars(text.data(), text.data() + text.size(), out);
  } catch (const Error&) {  // not for us to read
  }
  return out;
}

}  // namespace

MachineUse::MachineUse(fs::path root)
    : root_(std::move(root)),
      begun_(Clock::now()),
      next_sample_(begun_ + kSampleEvery),
      before_(busy()) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(root_ / "sys/class/powercap", none)) {
    const std::string name = entry.path().filename().string();
    // "intel-rapl:0" is a whole processor, "intel-rapl:0:1" a part of it.
    const auto num_colons = std::count(name.begin(), name.end(), ':');
    if (!name.starts_with("intel-rapl:") || num_colons != 1) continue;
    const Counter counter{entry.path() / "energy_uj", number_in(entry.path() / "energy_uj"),
                          number_in(entry.path() / "max_energy_range_uj")};
    if (counter.last_uj >= 0 && counter.range_uj > 0) counters_.push_back(counter);
  }
}

void MachineUse::sample() {
  const auto now = Clock::now();
  if (counters_.empty() || now < next_sample_) return;
  next_sample_ = now + kSampleEvery;
  read_counters();
}

void MachineUse::read_counters() {
  for (auto& counter : counters_) {
    const int64_t now_uj = number_in(counter.file);
    if (now_uj < 0) continue;
    const int64_t step = now_uj - counter.last_uj;
    energy_uj_ += static_cast<double>(step < 0 ? step + counter.range_uj : step);
    counter.last_uj = now_uj;
  }
}

double MachineUse::energy_j() {
  read_counters();
  return energy_uj_ * 1e-6;
}

// Time that other guests of a virtual machine's host took counts as busy.
MachineUse::Busy MachineUse::busy() const {
  std::string text;
  try {
    text = read_if_there(root_ / "proc/stat").value_or("");
  } catch (const Error&) {
  }
  if (!text.starts_with("cpu ")) return {};
  const char* at = text.data() + 4;
  const char* const end = text.data() + std::min(text.find('\n'), text.size());
  double ticks = 0;
  // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already
  for (int i = 0; i < 8; ++i) {
    while (at < end && *at == ' ')
      ++at;
    int64_t number = 0;
    const auto [next, code] = std::from_chars(at, end, number);
    if (code != std::errc()) return {};
    const bool is_idle = i == 3 || i == 4;
    if (!is_idle) ticks += static_cast<double>(number);
    at = next;
  }
  Busy out{ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)), 0};
  for (size_t line = text.find("\ncpu"); line != text.npos; line = text.find("\ncpu", line + 1))
    ++out.processors;
  return out;
}

double MachineUse::other_load(double own_cpu_seconds) const {
  const double elapsed_s = std::chrono::duration<double>(Clock::now() - begun_).count();
  const Busy now = busy();
  if (before_.seconds < 0 || now.processors == 0 || elapsed_s < kMinSeconds) return -1;
  const double others = std::max(0.0, now.seconds - before_.seconds - own_cpu_seconds);
  return others / elapsed_s / static_cast<double>(now.processors);
}

}  // namespace xp
