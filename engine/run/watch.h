// The progress of one attempt, read from the events that its worker writes.
#pragma once

#include "engine/base/progress.h"

#include <filesystem>
#include <optional>
#include <string>

namespace xp {

class RunWatch {
 public:
  RunWatch(std::string title, std::string unit, std::filesystem::path attempt_folder,
           Progress::Style style);

  /// Shows what is new.
  void look();

  /// Ends the bar with a summary line.
  void finish();

 private:
  void open(int64_t done, int64_t total);
  std::string note() const;

  std::string title_, unit_;
  std::filesystem::path folder_;
  Progress::Style style_;
  size_t offset_ = 0;
  int64_t update_ = 0;
  std::string loss_, bleu_;
  std::optional<Progress> progress_;
};

}  // namespace xp
