// Lines of JSON, summed.
#include "results/runs/exchange_record.h"

#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "results/runs/attempts.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

using Matrix = std::vector<std::vector<double>>;

Value json_of(const Matrix& matrix) {
  Value out = Value::array();
  for (const auto& row : matrix)
    out.push_back(row);
  return out;
}

PartRecord part_from(const Value& value) {
  PartRecord out;
  out.width = value.at("width");
  out.value_bytes = value.at("value_bytes");
  out.tokens = value.at("tokens").get<std::vector<double>>();
  if (value.contains("rows")) out.rows = value.at("rows").get<Matrix>();
  if (value.contains("crossing")) out.crossing = value.at("crossing").get<Matrix>();
  return out;
}

bool fits(const Matrix& matrix, size_t rows, size_t columns) {
  return matrix.empty() ||
         (matrix.size() == rows && std::all_of(matrix.begin(), matrix.end(), [&](const auto& row) {
            return row.size() == columns && std::all_of(row.begin(), row.end(), [](double value) {
                     return value >= 0 && std::isfinite(value);
                   });
          }));
}

bool fits(const ExchangeRecord& record) {
  if (record.nodes < 1 || record.ranks_per_node < 1 || record.updates < 1 || record.calls < 1)
    return false;
  const auto ranks = static_cast<size_t>(record.ranks());
  for (const auto& [layer, parts] : record.layers) {
    for (const auto& [name, part] : parts) {
      const size_t experts = part.rows.empty() ? 0 : part.rows[0].size();
      const bool is_whole = part.width >= 0 && part.value_bytes >= 0 &&
                            fits({part.tokens}, 1, ranks) && fits(part.rows, ranks, experts) &&
                            fits(part.crossing, ranks, static_cast<size_t>(record.nodes));
      if (!is_whole) return false;
    }
  }
  return true;
}

std::optional<ExchangeRecord> sample_from(std::string_view line) {
  const Value value = Value::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  try {
    ExchangeRecord out;
    out.nodes = value.at("nodes");
    out.ranks_per_node = value.at("ranks_per_node");
    out.updates = value.at("updates");
    out.calls = value.at("calls");
    for (const auto& [layer, parts] : value.at("layers").items()) {
      for (const auto& [name, part] : parts.items())
        out.layers[layer][name] = part_from(part);
    }
    return fits(out) ? std::optional(std::move(out)) : std::nullopt;
  } catch (const Value::exception&) {
    return std::nullopt;
  }
}

// Whether the sum now has it; matrices of other sizes are of another model or layout.
bool add(Matrix& sum, const Matrix& more) {
  if (sum.empty()) {
    sum = more;
    return true;
  }
  if (more.empty()) return true;
  if (sum.size() != more.size() || sum[0].size() != more[0].size()) return false;
  for (size_t i = 0; i < sum.size(); ++i) {
    for (size_t j = 0; j < sum[i].size(); ++j)
      sum[i][j] += more[i][j];
  }
  return true;
}

void add(ExchangeRecord& sum, const ExchangeRecord& sample) {
  if (sample.nodes != sum.nodes || sample.ranks_per_node != sum.ranks_per_node) return;
  ExchangeRecord next = sum;
  for (const auto& [layer, parts] : sample.layers) {
    for (const auto& [name, part] : parts) {
      PartRecord& own = next.layers[layer][name];
      own.width = part.width;
      own.value_bytes = part.value_bytes;
      Matrix tokens = own.tokens.empty() ? Matrix() : Matrix{own.tokens};
      if (!add(tokens, {part.tokens}) || !add(own.rows, part.rows) ||
          !add(own.crossing, part.crossing))
        return;
      own.tokens = tokens[0];
    }
  }
  next.updates += sample.updates;
  next.calls += sample.calls;
  sum = std::move(next);
}

fs::path record_file(const fs::path& attempt_folder) {
  return attempt_folder / "exchange.jsonl";
}

}  // namespace

void append_exchange(const fs::path& attempt_folder, int64_t update, const ExchangeRecord& sample) {
  Value layers = Value::object();
  for (const auto& [layer, parts] : sample.layers) {
    for (const auto& [name, part] : parts) {
      Value& one = layers[layer][name];
      one = {{"width", part.width}, {"value_bytes", part.value_bytes}, {"tokens", part.tokens}};
      if (!part.rows.empty()) one["rows"] = json_of(part.rows);
      if (!part.crossing.empty()) one["crossing"] = json_of(part.crossing);
    }
  }
  append_file(record_file(attempt_folder), json_text({{"update", update},
                                                      {"updates", sample.updates},
                                                      {"calls", sample.calls},
                                                      {"nodes", sample.nodes},
                                                      {"ranks_per_node", sample.ranks_per_node},
                                                      {"layers", std::move(layers)}}) +
                                               "\n");
}

std::optional<ExchangeRecord> read_exchange(const fs::path& run_folder) {
  std::optional<ExchangeRecord> out;
  for (int64_t attempt = 1; attempt <= last_attempt(run_folder); ++attempt) {
    const auto text = read_if_there(record_file(attempt_folder(run_folder, attempt)));
    if (!text) continue;
    for (const auto& line : split(*text, '\n')) {
      const auto sample = sample_from(line);
      if (!sample) continue;
      if (out)
        add(*out, *sample);
      else
        out = sample;
    }
  }
  return out;
}

}  // namespace xp
