// Selectors: the words by which every command about runs names them.
//
//   3, '#3', 4-7          rows of the last table that status printed
//   1f2e                  the beginning of an id of a training or evaluation, 4 digits or more
//   last                  the run that began last
//   state:failed          new, queued, starting, running, silent, stopped, done, failed, blocked or
//                         cancelled; running has the silent ones, queued those that are starting
//   class:memory          how the last attempt of a failed or stopped run ended
//   seed=1                a setting of the point; the key may be a tail, the value a pattern
//   gshard                a value of an axis, where it is a text
//   experiment=quick      the experiment, too
//   '*gshard*'            a pattern (* ? [a-z]) of the point's whole name
//   !WORD                 what WORD does not pick: !seed=1, !state:done
//
// Several words narrow each other.
#pragma once

#include "engine/base/error.h"
#include "engine/cli/points/points.h"

#include <string>
#include <vector>

namespace xp {

/// The `code` of an error in the words of a command line: ends with Exit::kUsage.
inline constexpr const char* kUsageError = "usage";

/// A run of a point.
struct Selected {
  const PointView* point = nullptr;
  bool evaluates = false;  ///< the evaluation; by default the run that counts
  const std::string& id() const { return evaluates ? point->evaluation : point->training; }
  std::string kind() const { return evaluates ? "evaluation" : "training"; }
};

/// The points that all of `words` pick, in their order; all of them where there are no words.
/// Raises a usage error for a word that no point could ever fit, with what was probably meant, and
/// where nothing is picked, with what there is.
std::vector<Selected> select(const std::vector<PointView>& points,
                             const std::vector<std::string>& words, const Workspace& workspace);

/// The one run that `words` pick. Raises a usage error naming them where there are several.
Selected select_one(const std::vector<PointView>& points, const std::vector<std::string>& words,
                    const Workspace& workspace);

/// "12 points: 10 done, 2 running".
std::string counts_of(const std::vector<PointView>& points);

/// Remembers the rows of a table for selectors that name them by number.
void keep_table(const Workspace& workspace, const std::vector<const PointView*>& rows);

/// The words that can be meant by a begun selector, for completion: states, classes, `last`, and
/// the keys and values of `axes` (full path -> values).
std::vector<std::string> selector_words(
    const std::map<std::string, std::vector<std::string>>& axes);

/// A value as a selector writes it: without the quotes of a text.
std::string plain_value(const Value& value);

}  // namespace xp
