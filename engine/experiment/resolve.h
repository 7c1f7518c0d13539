// A point's tables with every default filled in, and what of them decides each id.
#pragma once

#include "engine/experiment/catalog.h"

#include <array>
#include <map>
#include <set>
#include <string>

namespace xp {

/// The sections that a point consists of, in the order of their names: that of the canonical text.
inline constexpr std::array<const char*, 5> kPointSections = {"corpus", "eval", "launch", "model",
                                                              "train"};

/// One section of a point. Keys that the picked components do not declare are dropped: gshard has
/// no alpha.
struct Section {
  Value table = Value::object();
  Value corpus = Value::object();      ///< path -> value, flat: what the corpus id depends on
  Value training = Value::object();    ///< ... the training id beside the corpus id
  Value evaluation = Value::object();  ///< ... the evaluation id beside the training id
  std::map<std::string, Scope> no_id;  ///< paths whose values no id depends on, with the reason:
                                       ///< kContent, kSpeed or kNone
  std::set<std::string> unused;        ///< paths that change nothing: experts of a dense model
};

/// `written` is the section's table of one point; `model` the resolved table of [model], which the
/// defaults of [eval] depend on (unused for other sections). Components must be known (see
/// load_spec). Integers become floats where numbers are asked, so that 1 and 1.0 have one id.
Section resolve_section(const Catalog& catalog, const std::string& name, const Value& written,
                        const Value& model);

/// The full paths of all settings that the components picked in a resolved `table` have. What else
/// was written for the section changes nothing.
std::set<std::string> declared_paths(const Catalog& catalog, const std::string& name,
                                     const Value& table);

/// What of a resolved [model] the section [eval] depends on.
Value seen_by_eval(const Catalog& catalog, const Value& model);

}  // namespace xp
