// Replaces relative paths.
#include "engine/plan/metric_tables.h"

namespace xp {
namespace {

void make_full(const std::filesystem::path& folder, Value& value) {
  if (value.is_structured()) {
    for (Value& item : value)
      make_full(folder, item);
    return;
  }
  if (!value.is_string()) return;
  const std::string text = value;
  if (text.starts_with("./") || text.starts_with("../"))
    value = std::filesystem::absolute(folder / text).lexically_normal().string();
}

}  // namespace

Value metric_tables(const Plan& plan, const Settings& settings) {
  const Value* written = settings.find("eval.metric");
  Value out = written == nullptr ? Value::object() : *written;
  make_full(plan.folder, out);
  return out;
}

}  // namespace xp
