// Selectors: the words by which every command about runs names them. See selector_help.
#pragma once

#include "engine/base/error.h"
#include "engine/cli/points/points.h"

#include <string>
#include <vector>

namespace xp {

/// Every form of a selector with its meaning, for `xp help selectors`.
std::string selector_help();

/// A run of a point.
struct Selected {
  const PointView* point = nullptr;
  RunKind kind = RunKind::kTraining;  ///< by default that of the run that counts
  /// The point's ids must be known.
  const std::string& id() const { return point->ids->of(kind); }
};

/// The points that all of `words` select, in their order; all points if there are no words.
/// Raises a usage error for a word that no point could ever match, with what was probably meant,
/// and if nothing matches, with what there is.
std::vector<Selected> select(const std::vector<PointView>& points,
                             const std::vector<std::string>& words, const Workspace& workspace);

/// The one run that `words` select. Raises a usage error naming them if there are several.
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
