// One number in one file.
#include "engine/run/micro_batch.h"

#include "engine/base/json_text.h"
#include "engine/base/value.h"

#include <algorithm>

namespace xp {
namespace {

constexpr int64_t kMaxParts = 64;

fs::path file_of(const fs::path& run_folder) {
  return run_folder / "micro_batch.json";
}

}  // namespace

int64_t micro_batch_split(const fs::path& run_folder) {
  const auto bytes = read_if_there(file_of(run_folder));
  if (!bytes) return 1;
  const Value value = Value::parse(*bytes, nullptr, false);
  if (!value.is_object() || !value.contains("split") || !value["split"].is_number_integer())
    return 1;
  return std::clamp(value["split"].get<int64_t>(), int64_t{1}, kMaxParts);
}

bool split_micro_batch(const fs::path& run_folder) {
  const int64_t parts = 2 * micro_batch_split(run_folder);
  if (parts > kMaxParts) return false;
  write_atomic(file_of(run_folder), json_text(Value{{"split", parts}}) + "\n");
  return true;
}

}  // namespace xp
