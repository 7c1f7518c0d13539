// A point's tables with every default filled in, and what of them decides each id.
#pragma once

#include "engine/spec/catalog.h"

namespace xp {

/// Keys that the picked components do not declare are dropped: gshard has no alpha.
struct Resolved {
  Value settings = Value::object();    ///< the sections' tables, whole
  Value corpus = Value::object();      ///< path -> value, flat: what the corpus id depends on
  Value training = Value::object();    ///< ... the training id beside the corpus id
  Value evaluation = Value::object();  ///< ... the evaluation id beside the training id
};

/// `written` holds the sections' tables of one point. Components must be known (see load_spec).
/// Integers become floats where numbers are asked, so that 1 and 1.0 have one id.
Resolved resolve(const Catalog& catalog, const Value& written);

}  // namespace xp
