// The list of known metrics, and scales that a person can read.
#include "results/report/measure.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace xp {
namespace {

const std::array kKnown = {
    Measure{"bleu", "BLEU", "", Better::kMore, true, false},
    Measure{"chrf", "chrF", "", Better::kMore, true, false},
    Measure{"ter", "TER", "", Better::kLess, true, false},
    Measure{"train_loss", "train loss", "", Better::kLess, false, false},
    Measure{"valid_loss", "valid loss", "", Better::kLess, false, false},
    Measure{"valid_perplexity", "valid perplexity", "", Better::kLess, false, false},
    Measure{"valid_bleu", "valid BLEU", "", Better::kMore, false, false},
    Measure{"tokens_per_second", "tokens/s", "", Better::kMore},
    Measure{"step_ms", "step", "ms", Better::kLess},
    Measure{"cpu_seconds", "CPU", "s", Better::kLess},
    Measure{"parameters", "parameters", "", Better::kNeither},
    Measure{"updates", "updates", "", Better::kNeither},
    Measure{"inter_node_bytes", "inter-node", "/step", Better::kLess, false, true, true},
    Measure{"in_node_bytes", "in-node", "/step", Better::kLess, false, true, true},
    Measure{"gradient_inter_node_bytes", "gradient inter-node", "/step", Better::kLess, false, true,
            true}};

std::string spaced(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

// Decimals that show `digits` figures of `value`.
int decimals_for(double value, int digits) {
  if (value <= 0) return 0;
  return std::clamp(digits - 1 - static_cast<int>(std::floor(std::log10(value))), 0, 4);
}

Measure named_measure(const std::string& key) {
  for (const Measure& measure : kKnown) {
    if (measure.key == key) return measure;
  }
  const bool evaluation = key.starts_with("eval_");
  const auto named = [&](const std::string& end, const char* unit, Better better) {
    return Measure{key, spaced(key.substr(0, key.size() - end.size())), unit, better, evaluation};
  };
  if (key.ends_with("_per_second")) return named("_per_second", "1/s", Better::kMore);
  if (key.ends_with("_seconds")) return named("_seconds", "s", Better::kLess);
  if (key.ends_with("_ms")) return named("_ms", "ms", Better::kLess);
  if (key.ends_with("_bytes")) {
    Measure bytes = named("_bytes", "", Better::kLess);
    bytes.is_bytes = true;
    return bytes;
  }
  if (key.ends_with("loss") || key.ends_with("perplexity"))
    return {key, spaced(key), "", Better::kLess, false, false};
  if (key.starts_with("router_")) {
    return {key,   spaced(key), "", key == "router_entropy" ? Better::kNeither : Better::kLess,
            false, false};
  }
  const bool training = key.starts_with("train_") || key.starts_with("valid_");
  return {key, spaced(key), "", Better::kMore, !training, false};
}

}  // namespace

Measure measure_of(const std::string& key) {
  Measure out = named_measure(key);
  if (key.starts_with(kPredicted)) {
    out = named_measure(key.substr(kPredicted.size()));
    out = {key, "predicted " + out.name, out.unit, Better::kNeither, false, true, out.is_bytes};
  } else if (key.ends_with(kVersusPredicted)) {
    const Measure of = named_measure(key.substr(0, key.size() - kVersusPredicted.size()));
    return {key, of.name + " vs predicted", "", Better::kNeither, false, false};
  }
  if (out.is_bytes) {
    out.depends = Depends::kLayout;
  } else if (key.ends_with("_per_second") || key.ends_with("_seconds") || key.ends_with("_ms")) {
    out.depends = Depends::kMachine;
  }
  return out;
}

Column column_of(const Measure& measure, std::span<const double> values) {
  double most = 0, least = 0;
  for (const double value : values) {
    const double size = std::abs(value);
    most = std::max(most, size);
    if (size > 0 && (least == 0 || size < least)) least = size;
  }
  Column out{.name = measure.name,
             .unit = measure.unit,
             .is_number = true,
             .higher_is_better = measure.better != Better::kLess,
             .key = measure.key,
             .is_relative = measure.is_relative,
             .is_measured = true};
  if (!measure.is_relative) {
    out.decimals = measure.better == Better::kLess ? 3 : 2;
    return out;
  }
  static constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T"};
  const double first = measure.is_bytes ? 1e3 : 1e4;  // 9876 tokens/s need no k
  size_t prefix = 0;
  while (most >= first && most / out.scale >= 1e3 && prefix + 1 < std::size(kPrefixes)) {
    out.scale *= 1e3;
    ++prefix;
  }
  if (measure.is_bytes) {
    out.unit = std::string(kPrefixes[prefix]) + "B" + measure.unit;
  } else {
    out.suffix = kPrefixes[prefix];
  }
  if (least * 100 < most) {  // too far apart to show three figures of both
    out.decimals = std::max(decimals_for(most / out.scale, 3),
                            std::min(decimals_for(least / out.scale, 1), 3));
  } else {
    out.decimals = decimals_for(least / out.scale, 3);
  }
  return out;
}

}  // namespace xp
