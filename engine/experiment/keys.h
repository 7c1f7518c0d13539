// A key as a person writes it, to the full path of a setting; and conditions over such keys.
#pragma once

#include "engine/experiment/schema.h"
#include "engine/experiment/sweep.h"

#include <optional>
#include <string>
#include <vector>

namespace xp {

/// Looks key tails up: among the axes of the sweep first, then in the schema.
class Keys {
 public:
  Keys(const Schema& schema, Problems& problems, std::vector<std::string> axes = {})
      : schema_(schema), problems_(problems), axes_(std::move(axes)) {}

  /// The full path; where it is unknown or ambiguous a problem is added and "" comes back. Nothing
  /// is added where it may be a key of an unknown component, which is a problem already.
  std::string resolve(const std::string& key, const Place& place) const;

  /// The same without a word.
  std::string resolve_quietly(const std::string& key) const;

 private:
  Matches match(const std::string& key) const;
  const Schema& schema_;
  Problems& problems_;
  std::vector<std::string> axes_;
};

/// The condition in `text`, which stands at `place`; problems are added where it is none.
std::optional<Condition> read_condition(const std::string& text, const Place& place,
                                        const Keys& keys, Problems& problems);

}  // namespace xp
