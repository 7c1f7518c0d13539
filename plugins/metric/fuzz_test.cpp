// Fuzzes the metrics: translations that people bring are any bytes.
#include "engine/testing/fuzz.h"

#include "registry/metric.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace xp {
namespace {

// The part of a text before its first line end is translated, the rest its reference.
FuzzTarget translations() {
  return {
      "translations",
      "plugins/metric/fuzz",
      {"&quot;", "<skipped>", "1,000", "-\n", "\xe4\xb8\xad", "\xef\xbc\x8c", "\xcc\x81",
       "\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc2", std::string("\0", 1), "  "},
      [](const std::string& text) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::vector<std::string> hypotheses = {text.substr(0, end)};
        const std::vector<std::string> references = {text.substr(std::min(end + 1, text.size()))};
        for (const char* name : {"bleu", "bleu-intl", "bleu-char", "bleu-zh", "chrf", "chrf++",
                                 "ter", "length", "off-target"}) {
          const auto metric = make_part<Metric>({{"use", name}});
          for (const auto& score : metric->score({hypotheses, hypotheses, references})) {
            if (!std::isfinite(score.value)) throw std::logic_error("a score that is no number");
          }
        }
      },
      512};
}

TEST_CASE("every metric survives any bytes") {
  fuzz(translations(), kSmokeSeconds);
}
TEST_CASE("every metric survives any bytes for long", "[.][fuzz]") {
  fuzz(translations(), kFuzzSeconds);
}

}  // namespace
}  // namespace xp
