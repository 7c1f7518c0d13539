// The progress of one attempt, read from the events that its worker writes.
#pragma once

#include "engine/base/progress.h"
#include "engine/run/run_progress.h"

#include <filesystem>
#include <optional>
#include <string>

namespace xp {

class RunWatch {
 public:
  RunWatch(std::string title, std::string unit, std::filesystem::path attempt_folder,
           Progress::Style style);

  /// Shows what is new.
  void refresh();

  /// Ends the bar with a summary line.
  void finish();

 private:
  void open();

  std::string title_, unit_;
  Progress::Style style_;
  RunProgress events_;
  std::optional<Progress> progress_;
};

}  // namespace xp
