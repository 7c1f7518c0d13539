// Draws what RunProgress reads.
#include "engine/run/watch.h"

namespace xp {

RunWatch::RunWatch(std::string title, std::string unit, std::filesystem::path attempt_folder,
                   Progress::Style style)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      style_(style),
      events_(std::move(attempt_folder)) {}

// Loading the worker is no work: rate and time left count from the first event.
void RunWatch::open() {
  if (progress_) return;
  progress_.emplace(title_, events_.total(), unit_, style_);
  progress_->restart(events_.first(), events_.total());
}

void RunWatch::refresh() {
  events_.refresh();
  if (events_.has_begun()) open();
  if (!progress_) return;
  progress_->expect(events_.total());
  progress_->update(events_.update(), events_.note());
}

void RunWatch::finish() {
  refresh();
  open();
  progress_->finish(events_.note());
}

}  // namespace xp
