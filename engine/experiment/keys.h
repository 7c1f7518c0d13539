// Resolves keys as people write them ("seed") to full paths ("train.seed"); parses conditions.
#pragma once

#include "engine/experiment/schema.h"
#include "engine/experiment/sweep.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Settings that components declare which an experiment does not pick.
struct Undeclared {
  const Catalog& catalog;
  const Schema& everything;  ///< of all components
  const Schema& picked;      ///< of those that `use` takes somewhere in the sweep

  /// "'alpha' in [model.moe.exchange] is a setting of the exchange scomoe-seq, but this experiment
  /// picks gshard", for a full path.
  std::string message(const std::string& path) const;
};

/// Resolves the tail of a key to its full path: among the axes of the sweep, then in the schema.
class Keys {
 public:
  /// `undeclared`, if given, explains keys that the schema does not have.
  Keys(const Schema& schema, Problems& problems, std::vector<std::string> axes = {},
       const Undeclared* undeclared = nullptr)
      : schema_(schema), problems_(problems), axes_(std::move(axes)), undeclared_(undeclared) {}

  /// The full path. If it is unknown or ambiguous, adds a problem and returns "". Adds nothing if
  /// it may be a key of an unknown component, which is a problem of its own.
  std::string resolve(const std::string& key, const Place& place) const;

  /// The same without adding problems.
  std::string resolve_quietly(const std::string& key) const;

 private:
  Matches match(const std::string& key) const;
  const Schema& schema_;
  Problems& problems_;
  std::vector<std::string> axes_;
  const Undeclared* undeclared_;
};

/// The condition `text`, written at `place`. Adds a problem and returns nothing if it is invalid.
std::optional<Condition> read_condition(const std::string& text, const Place& place,
                                        const Keys& keys, Problems& problems);

}  // namespace xp
