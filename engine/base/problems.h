// Many findings about the input at once, each with its place, printed with line, caret and hint.
#pragma once

#include "engine/base/error.h"
#include "engine/base/value.h"

#include <map>
#include <string>
#include <vector>

namespace xp {

/// Where something stands in a text file; line and column count from 1, `end_column` is one past
/// the end. `line` 0 means the file as a whole; an empty `file` means the command line.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  int end_column = 0;
};

/// One finding.
struct Problem {
  Place place;
  std::string code;        ///< stable: "E012"
  std::string message;     ///< the sentence without place, code and suggestion
  std::string suggestion;  ///< the name that was probably meant, or empty
};

/// Collects findings; nothing is printed until the end.
class Problems {
 public:
  void add(Problem problem) { found_.push_back(std::move(problem)); }
  void add(const Place& place, std::string code, std::string message, std::string suggestion = "") {
    found_.push_back({place, std::move(code), std::move(message), std::move(suggestion)});
  }
  bool empty() const { return found_.empty(); }
  const std::vector<Problem>& all() const { return found_; }

  /// Keeps the text of a file, whose lines are quoted under its problems.
  void remember(const std::string& file, std::string text) { texts_[file] = std::move(text); }

  /// `FILE:LINE:COLUMN: MESSAGE (code E012)`, the source line, a caret line, `did you mean 'X'?`;
  /// in the order of the places, equal ones once; the last line is `N errors; nothing was run or
  /// written`.
  std::string text() const;

  /// The same as a list of {file, line, column, end_column, code, message, suggestion}.
  Value json() const;

  /// Raises kUser with `text()` unless empty.
  void raise() const;

 private:
  std::vector<Problem> sorted() const;
  std::vector<Problem> found_;
  std::map<std::string, std::string> texts_;
};

}  // namespace xp
