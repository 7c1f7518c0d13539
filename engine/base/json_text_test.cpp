// JSON of values with any bytes.
#include "engine/base/json_text.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

TEST_CASE("bytes that are not UTF-8 are replaced in what is written") {
  const Value value = {{"caf\xe9", "b"}, {"a", {"x", "\xff!"}}};
  CHECK(json_text(value) == "{\"a\":[\"x\",\"\xef\xbf\xbd!\"],\"caf\xef\xbf\xbd\":\"b\"}");
  CHECK(json_text({{"a", 1}}, 2) == "{\n  \"a\": 1\n}");
}
