// Turns events into the figures of a progress bar.
#include "engine/run/watch.h"

#include "results/workspace.h"

#include <fmt/format.h>

#include <cmath>

namespace xp {
namespace {

std::string number(const Value& values, const char* name, const char* format) {
  const auto found = values.find(name);
  if (found == values.end() || !found->is_number()) return "";
  return fmt::format(fmt::runtime(format), found->get<double>());
}

int64_t total_of(const Value& values) {
  for (const char* name : {"max_updates", "total"}) {
    const auto found = values.find(name);
    if (found != values.end() && found->is_number()) return found->get<int64_t>();
  }
  return 0;
}

}  // namespace

RunWatch::RunWatch(std::string title, std::string unit, std::filesystem::path attempt_folder,
                   Progress::Style style)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      folder_(std::move(attempt_folder)),
      style_(style) {}

// Loading the worker is no work: rate and time left count from the first event.
void RunWatch::open(int64_t done, int64_t total) {
  if (progress_) return;
  progress_.emplace(title_, total, unit_, style_);
  progress_->restart(done, total);
}

std::string RunWatch::note() const {
  std::string out = loss_;
  if (!bleu_.empty()) out += (out.empty() ? "" : "  ") + bleu_;
  return out;
}

void RunWatch::look() {
  for (const auto& event : read_events(folder_, offset_)) {
    if (event.event == "start" || total_of(event.values) > 0)
      open(event.update, total_of(event.values));
    update_ = std::max(update_, event.update);
    const double share = event.values.value("share_done", 0.0);
    if (progress_ && share > 0)
      progress_->expect(std::llround(static_cast<double>(event.update) / share));
    if (auto loss = number(event.values, "loss", "loss {:.2f}"); !loss.empty()) loss_ = loss;
    if (auto bleu = number(event.values, "bleu", "bleu {:.1f}"); !bleu.empty()) bleu_ = bleu;
  }
  if (progress_) progress_->update(update_, note());
}

void RunWatch::finish() {
  open(update_, 0);
  progress_->finish(note());
}

}  // namespace xp
