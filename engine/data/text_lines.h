// The lines of a text file, whichever program wrote it.
#pragma once

#include "engine/base/file.h"

#include <cstdint>
#include <string_view>

namespace xp {

/// A byte order mark is skipped, LF and CR LF end a line, and the last line may lack its end.
class TextLines {
 public:
  /// Raises kUser if the file cannot be read or is empty; `content` says what it should hold: "one
  /// sentence per line".
  TextLines(const fs::path& path, std::string_view content);

  bool at_end() const { return rest_.empty(); }
  /// The next line without its end; valid while this object is.
  std::string_view next();
  /// The number of the line that `next` returned, from 1.
  int64_t number() const { return number_; }
  /// The lines of the whole file.
  int64_t count() const;
  const fs::path& path() const { return path_; }

  /// Raises kUser: "FILE:LINE: WHY".
  [[noreturn]] void refuse(std::string_view why) const;
  /// Refuses the line if it has a flaw.
  void require_text(std::string_view line) const;

 private:
  fs::path path_;
  MappedFile file_;
  std::string_view rest_;
  int64_t number_ = 0;
};

/// Why a line is not text: "NUL byte" or "not UTF-8"; nullptr if nothing is wrong.
const char* flaw_of_line(std::string_view line);

}  // namespace xp
