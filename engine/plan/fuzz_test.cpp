// Fuzzes the reader of recorded plans: an experiment's folder may hold any text.
#include "engine/testing/fuzz.h"

#include "engine/base/error.h"
#include "engine/plan/recorded_plan.h"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

namespace xp {
namespace {

void read(const fs::path& folder) {
  const auto source = recorded_source(folder);
  for (const auto& point : recorded_points(folder))
    if (source) source->origins_of(point);
}

FuzzTarget plans() {
  return {"recorded-plan",
          "engine/plan/fuzz",
          {",\n \"points\": [", "\"name\": \"", "\"training\": null", "\"evaluation\": \"",
           "\"further\": 1", "\"axis_origins\": {", "\"further_origins\": [{", "\"sets\": [",
           "null", "{}", "[]", "-1", "1e999", "18446744073709551616", "\"", ",", ":"},
          [](const std::string& text) {
            static const TempFolder folder;
            replace_file(folder.path() / "plan.json", text);
            try {
              read(folder.path());
            } catch (const Error& error) {
              if (error.blame() == Blame::kBug) throw std::logic_error(error.what());
            }
          }};
}

TEST_CASE("the reader of recorded plans survives any text") {
  fuzz(plans(), kSmokeSeconds);
}
TEST_CASE("the reader of recorded plans survives any text for long", "[.][fuzz]") {
  fuzz(plans(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
