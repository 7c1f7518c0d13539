// Events become figures.
#include "engine/run/run_progress.h"

#include "engine/base/to_integer.h"

#include <fmt/format.h>

#include <cmath>

namespace xp {
namespace {

std::optional<double> number(const Value& values, const char* name) {
  const auto found = values.find(name);
  if (found == values.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

int64_t total_of(const Value& values) {
  for (const char* name : {"max_updates", "total"}) {
    if (const auto found = number(values, name)) return to_nearest_integer(*found);
  }
  return 0;
}

}  // namespace

void RunProgress::take(const Event& event) {
  const Value& values = event.values;
  if (!values.is_object()) return;
  const int64_t total = total_of(values);
  if (!has_begun_ && (event.event == "start" || total > 0)) {
    has_begun_ = true;
    first_ = event.update;
    total_ = total;
    begun_s_ = event.seconds;
  }
  if (const auto pairs = number(values, "left_out_pairs")) left_out_ = to_integer(*pairs);
  update_ = std::max(update_, event.update);
  seconds_ = event.seconds;
  const double share = number(values, "share_done").value_or(0);
  if (share > 0) total_ = to_nearest_integer(static_cast<double>(event.update) / share);
  if (event.event == "checkpoint") checkpoint_ = std::max(checkpoint_, event.update);
  if (const auto loss = number(values, "loss")) loss_ = loss;
  if (const auto bleu = number(values, "bleu")) bleu_ = bleu;
}

void RunProgress::refresh() {
  for (const auto& event : read_events(folder_, offset_))
    take(event);
}

double RunProgress::rate() const {
  const double elapsed = seconds_ - begun_s_;
  return has_begun_ && elapsed > 0 ? static_cast<double>(update_ - first_) / elapsed : 0;
}

std::optional<double> RunProgress::left_s() const {
  const double speed = rate();
  if (speed <= 0 || total_ <= update_) return std::nullopt;
  return static_cast<double>(total_ - update_) / speed;
}

std::string RunProgress::note() const {
  std::string out;
  if (loss_) out += fmt::format("loss {:.2f}", *loss_);
  if (bleu_) out += fmt::format("{}bleu {:.1f}", out.empty() ? "" : "  ", *bleu_);
  return out;
}

}  // namespace xp
