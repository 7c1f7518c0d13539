// nlohmann's dump, which throws at a string that is not UTF-8 unless it is told to replace it.
#include "engine/base/json_text.h"

namespace xp {

std::string json_text(const Value& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, Value::error_handler_t::replace);
}

}  // namespace xp
