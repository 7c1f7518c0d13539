// Draws the bar with carriage returns and clears it with one escape sequence.
#include "engine/base/progress.h"

#include "engine/base/terminal.h"
#include "engine/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace xp {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kLine = std::chrono::seconds(10);
// A shorter time says nothing about the speed: the work may have been done before.
constexpr double kMinMeasured_s = 1;

}  // namespace

std::string human_rate(double per_second) {
  constexpr double kFew = 10, kSlow = 0.1, kMinute_s = 60;
  if (per_second >= kFew) return human_count(per_second) + "/s";
  return per_second >= kSlow ? fmt::format("{:.1f}/s", per_second)
                             : fmt::format("{:.1f}/min", per_second * kMinute_s);
}

Progress::Progress(std::string title, int64_t total, std::string unit, Style style)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      bar_(style == Style::kBar || (style == Style::kAuto && is_capable_terminal(2))),
      quiet_(style == Style::kQuiet) {}

Progress::~Progress() {
  if (bar_ && !quiet_ && !finished_ && shown_ != Clock::time_point{})
    std::fputs("\r\033[K", stderr);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

double Progress::rate() const {
  const double elapsed = seconds();
  return elapsed < kMinMeasured_s ? 0 : static_cast<double>(done_ - begun_) / elapsed;
}

void Progress::restart(int64_t done, int64_t total) {
  begun_ = done_ = done;
  total_ = total;
  last_tenth_ = total > 0 ? 10 * done / total : 0;
  start_ = Clock::now();
}

std::string Progress::amount(double value) const {
  return unit_ == "bytes" ? human_bytes(value) : human_count(value);
}

std::string Progress::speed_text(double per_second) const {
  return unit_ == "bytes" ? human_bytes(per_second) + "/s" : human_rate(per_second);
}

std::string Progress::figures() const {
  const double speed = rate();
  std::string out = amount(static_cast<double>(done_));
  if (total_ > 0) out += "/" + amount(static_cast<double>(total_));
  if (unit_ != "bytes") out += " " + unit_;
  if (speed > 0) out += "  " + speed_text(speed);
  if (total_ > done_ && speed > 0) {
    out += fmt::format("  {} left", human_duration(static_cast<double>(total_ - done_) / speed));
  }
  return out;
}

void Progress::draw(const std::string& note) {
  constexpr int64_t kWidth = 20;
  if (bar_) {
    const int64_t full = total_ > 0 ? std::min(kWidth, kWidth * done_ / total_) : 0;
    const std::string bar = std::string(static_cast<size_t>(full), '#') +
                            std::string(static_cast<size_t>(kWidth - full), '.');
    std::string line = fmt::format("{}  [{}]  {}  {}", title_, bar, figures(), note);
    // The last column stays free: some terminals wrap when it is written.
    if (const size_t columns = terminal_columns(2); columns > 1) line = clipped(line, columns - 1);
    fmt::print(stderr, "\r\033[K{}", line);
  } else {
    fmt::print(stderr, "{}: {}{}{}\n", title_, figures(), note.empty() ? "" : "  ", note);
  }
  std::fflush(stderr);
}

void Progress::update(int64_t done, const std::string& note) {
  done_ = done;
  if (quiet_) return;
  const auto now = Clock::now();
  const int64_t tenth = total_ > 0 ? 10 * done_ / total_ : 0;
  const bool due = bar_ ? now - shown_ >= kRedraw
                        : (tenth > last_tenth_ && now - shown_ >= std::chrono::seconds(1)) ||
                              now - std::max(shown_, start_) >= kLine;
  if (!due) return;
  shown_ = now;
  last_tenth_ = tenth;
  draw(note);
}

void Progress::finish(const std::string& note) {
  finished_ = true;
  if (quiet_) return;
  const std::string unit = unit_ == "bytes" ? "" : " " + unit_;
  const std::string speed = rate() > 0 ? fmt::format(" ({})", speed_text(rate())) : "";
  fmt::print(stderr, "{}{}: {}{} in {}{}{}{}\n", bar_ ? "\r\033[K" : "", title_,
             amount(static_cast<double>(done_)), unit, human_duration(seconds()), speed,
             note.empty() ? "" : "  ", note);
}

}  // namespace xp
