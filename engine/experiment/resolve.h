// A point's settings with all defaults, and which of them each id depends on.
#pragma once

#include "engine/experiment/catalog.h"

#include <array>
#include <map>
#include <set>
#include <string>

namespace xp {

/// The sections of a point, sorted by name as in the canonical text.
inline constexpr std::array<const char*, 5> kPointSections = {"corpus", "eval", "launch", "model",
                                                              "train"};

/// One section of a point, without keys that the picked components do not declare.
struct Section {
  Value table = Value::object();
  Value corpus = Value::object();      ///< path -> value, flat: the corpus id depends on these
  Value training = Value::object();    ///< ... the training id beside the corpus id
  Value evaluation = Value::object();  ///< ... the evaluation id beside the training id
  std::map<std::string, Scope> no_id;  ///< paths whose values no id depends on, with the reason:
                                       ///< kContent, kSpeed or kNone
  std::set<std::string> unused;        ///< paths that change nothing: experts of a dense model
};

/// `written` is the section's table of one point; `exchange` what [eval] depends on beside it
/// (evaluation_exchange; unused for other sections). Components must be known (see load_spec).
/// Integers become floats if the setting is a number, so that 1 and 1.0 have one id.
Section resolve_section(const Catalog& catalog, const std::string& name, const Value& written,
                        const Value& exchange);

/// The value as a resolved table has it: an integer becomes a float if the setting is a number.
Value normal_value(const Setting& setting, const Value& value);

/// Full path -> setting; nullptr for `use` and `preset`.
using DeclaredSettings = std::map<std::string, const Setting*>;

/// All settings of the components that are picked in a resolved `table`. What else was written for
/// the section changes nothing.
DeclaredSettings declared_settings(const Catalog& catalog, const std::string& name,
                                   const Value& table);

/// The exchange of a resolved [model] as the evaluation uses it if [eval.exchange] is empty: `use`
/// and the settings that the evaluation may set (EvaluationSetting). Null if the model has no
/// experts.
Value evaluation_exchange(const Catalog& catalog, const Value& model);

}  // namespace xp
