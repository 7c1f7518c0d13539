// Walks two files line by line.
#include "engine/data/aligned_text.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/data/text_lines.h"

namespace xp {
namespace {

constexpr const char* kContent = "one sentence per line";

void require_both_at_end(const TextLines& sources, const TextLines& targets) {
  if (sources.at_end() && targets.at_end()) return;
  user_error("'{}' has {} lines and '{}' has {}; aligned files have the same number",
             sources.path().string(), sources.count(), targets.path().string(), targets.count());
}

std::string_view checked_line(TextLines& lines, bool may_be_blank) {
  const std::string_view line = lines.next();
  lines.require_text(line);
  if (!may_be_blank && trim(line).empty())
    lines.refuse("the line is blank; only training text may have blank lines");
  return line;
}

}  // namespace

void read_aligned(const fs::path& source, const fs::path& target, std::string_view subset,
                  const PairSink& sink) {
  TextLines sources(source, kContent), targets(target, kContent);
  const bool is_train = subset == "train";
  while (!sources.at_end() && !targets.at_end()) {
    const auto source_line = checked_line(sources, is_train);
    sink(subset, source_line, checked_line(targets, is_train));
  }
  require_both_at_end(sources, targets);
}

void read_published(const fs::path& source, const fs::path& target, std::string_view subset,
                    const PairSink& sink, const DropSink& dropped) {
  TextLines sources(source, kContent), targets(target, kContent);
  while (!sources.at_end() && !targets.at_end()) {
    const auto source_line = sources.next(), target_line = targets.next();
    const char* flaw = flaw_of_line(source_line);
    if (flaw == nullptr) flaw = flaw_of_line(target_line);
    if (flaw == nullptr) {
      sink(subset, source_line, target_line);
    } else {
      dropped(subset, flaw, 1);
    }
  }
  require_both_at_end(sources, targets);
}

}  // namespace xp
