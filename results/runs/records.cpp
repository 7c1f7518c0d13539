// JSON forms of points and scores.
#include "results/runs/records.h"

#include "engine/base/error.h"
#include "engine/base/json_numbers.h"
#include "engine/base/json_text.h"

#include <limits>

namespace xp {
namespace {

constexpr int64_t kRecordSchema = 1;

// The list `key` of a file of ours.
template <class Item>
std::vector<Item> read_list(const fs::path& path, const char* key, Item (*item)(const Value&)) {
  try {
    const Value value = Value::parse(read_file(path));
    if (const int64_t schema = integer_from(value.at("schema")); schema > kRecordSchema) {
      machine_error("'{}' was written by a newer xp (schema {}, this one knows {}); use that xp",
                    path.string(), schema, kRecordSchema);
    }
    std::vector<Item> out;
    for (const Value& entry : value.at(key))
      out.push_back(item(entry));
    return out;
  } catch (const Value::exception&) {
    machine_error("'{}' is damaged; delete it and run the experiment again", path.string());
  } catch (const Error& error) {
    throw Error(Blame::kMachine, error.what());
  }
}

ReportPoint point_from(const Value& value) {
  ReportPoint out;
  for (const auto& [path, axis] : value.at("axes").items())
    out.axes[path] = axis;
  if (!value.at("training").is_null()) out.ids = {value.at("training"), value.at("evaluation")};
  out.seed = integer_from(value.at("seed"));
  out.name = value.value("name", "");
  out.checkpoint = value.value("checkpoint", "");
  const auto predicted = value.find("predicted");
  if (predicted == value.end()) return out;
  for (const auto& [name, figure] : predicted->items()) {
    if (figure.is_number()) out.predicted[name] = figure;
  }
  return out;
}

SubsetScore score_from(const Value& value) {
  const Value& number = value.at("value");
  return {value.at("subset"),
          value.at("direction"),
          {value.at("name"),
           number.is_null() ? std::numeric_limits<double>::quiet_NaN() : number.get<double>(),
           value.at("unit"), value.at("signature"), value.at("higher_is_better"),
           value.value("label", "")}};
}

}  // namespace

Value to_json(const std::vector<ReportPoint>& points) {
  Value out = Value::array();
  for (const auto& point : points) {
    out.push_back({{"axes", Value(point.axes)},
                   {"training", point.ids ? Value(point.ids->training) : Value()},
                   {"evaluation", point.ids ? Value(point.ids->evaluation) : Value()},
                   {"seed", point.seed}});
    if (!point.name.empty()) out.back()["name"] = point.name;
    if (!point.checkpoint.empty()) out.back()["checkpoint"] = point.checkpoint;
    if (!point.predicted.empty()) out.back()["predicted"] = point.predicted;
  }
  return out;
}

fs::path plan_file(const fs::path& experiment_folder) {
  return experiment_folder / "plan.json";
}

std::vector<ReportPoint> read_points(const fs::path& file) {
  return read_list(file, "points", &point_from);
}

void write_scores(const fs::path& evaluation_folder, const std::vector<SubsetScore>& scores) {
  Value list = Value::array();
  for (const auto& [subset, direction, score] : scores) {
    list.push_back({{"subset", subset},
                    {"direction", direction},
                    {"name", score.name},
                    {"value", score.value},
                    {"unit", score.unit},
                    {"signature", score.signature},
                    {"higher_is_better", score.higher_is_better}});
    if (!score.label.empty()) list.back()["label"] = score.label;
  }
  const Value whole = {{"schema", kRecordSchema}, {"scores", list}};
  replace_file(evaluation_folder / "scores.json", json_text(whole, 2) + "\n");
}

std::vector<SubsetScore> read_scores(const fs::path& evaluation_folder) {
  const fs::path path = evaluation_folder / "scores.json";
  std::error_code code;
  if (!fs::exists(path, code)) return {};
  return read_list(path, "scores", &score_from);
}

}  // namespace xp
