// Reading, writing and comparing recorded plans.
#include "engine/plan/recorded_plan.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json_numbers.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "results/runs/records.h"

#include <algorithm>
#include <fstream>

namespace xp {
namespace {

using Places = std::map<std::string, std::string>;

// Between the head of the file and its points. No text in JSON has a line end.
constexpr std::string_view kPointsBegin = ",\n \"points\": [";

// The text of the file before its points, which are nearly all of it, as a whole JSON text.
std::string head_text(const fs::path& file) {
  constexpr size_t kPiece = 1 << 14;
  std::ifstream stream(file, std::ios::binary);
  std::string out;
  for (size_t at = 0; stream; at = out.size() - std::min(out.size(), kPointsBegin.size())) {
    std::string piece(kPiece, '\0');
    stream.read(piece.data(), static_cast<std::streamsize>(kPiece));
    out.append(piece, 0, static_cast<size_t>(stream.gcount()));
    if (const size_t end = out.find(kPointsBegin, at); end != out.npos)
      return out.substr(0, end) + "}";
  }
  return out;
}

std::string whole_text(const fs::path& file) {
  return read_file(file);
}

// What `make` makes of the text that `read` takes from the file; a fallback if there is none.
template <class Make>
auto read_plan(const fs::path& experiment_folder, std::string (*read)(const fs::path&), Make&& make)
    -> decltype(make(Value())) {
  const fs::path file = plan_file(experiment_folder);
  if (!fs::exists(file)) return {};
  try {
    return make(Value::parse(read(file)));
  } catch (const Value::exception&) {
    machine_error("'{}' is damaged; delete it and run the experiment again", file.string());
  }
}

RecordedPoint point_from(const Value& point) {
  std::optional<PointIds> ids;
  if (!point.at("training").is_null())
    ids = {point.value("corpus", ""), point.at("training"), point.at("evaluation")};
  const Value further = point.value("further", Value());
  return {point.value("name", ""), std::move(ids), point.value("shape", ""),
          point.value("evaluation_shape", ""),
          further.is_number_unsigned() ? std::optional<size_t>(further) : std::nullopt};
}

// What a point is known by: its evaluation, or its name if that has no id yet.
template <class AnyPoint>
std::string point_key(const AnyPoint& point) {
  return point.ids ? point.ids->evaluation : "name " + point.name;
}

// Equal for plans of the same points.
std::string points_id(const Plan& plan) {
  std::set<std::string> keys;
  for (const auto& point : plan.points)
    keys.insert(point_key(point));
  return content_id(Value(keys));
}

// A path as JSON: a text, or the numbers of its bytes if they are not UTF-8.
Value path_json(const std::string& path) {
  if (is_valid_utf8(path)) return path;
  return std::vector<uint8_t>(path.begin(), path.end());
}

std::string path_from(const Value& json) {
  if (json.is_string()) return json;
  std::string out;
  for (const Value& byte : json)
    out += static_cast<char>(integer_from(byte));
  return out;
}

std::string place_text(const Place& place) {
  return place.line > 0 ? fmt::format("{}:{}", place.file, place.line) : place.file;
}

RecordedSource source_of(const Spec& spec, const std::vector<std::string>& sets) {
  RecordedSource out;
  out.file = fs::absolute(spec.file).string();
  out.sets = sets;
  for (const auto& [path, place] : spec.source.keys) {
    const Value* value = find_path(spec.settings, path);
    if (value != nullptr && !value->is_object()) out.origins[path] = place_text(place);
  }
  for (const auto& axis : spec.sweep.axes) {
    for (const auto& key : axis.keys)
      out.axis_origins[key] = place_text(axis.place);
  }
  for (const auto& places : spec.sweep.point_places) {
    auto& one = out.further_origins.emplace_back();
    for (const auto& [path, place] : places)
      one[path] = place_text(place);
  }
  return out;
}

Value head_json(const Plan& plan) {
  Value counts = Value::object();
  for (const PointState state : kPointStates)
    counts[state_name(state)] = plan.count(state);
  return {{"schema", 1},
          {"schema_version", 1},
          {"experiment", plan.name},
          {"axes", plan.axes},
          {"counts", counts},
          {"merged", plan.merged},
          {"excluded", plan.excluded},
          {"notes", plan.notes}};
}

Value point_json(const Point& point) {
  const Value* seed = find_path(point.settings(), "train.seed");
  return {{"name", point.name},
          {"axes", point.axes},
          {"seed", seed == nullptr ? Value(0) : *seed},
          {"further", point.further ? Value(*point.further) : Value()},
          {"state", state_name(point.state)},
          {"cause", point.cause.empty() ? Value() : Value(point.cause)},
          {"figures", point.assessment == nullptr ? Figures{} : point.assessment->figures},
          {"corpus", point.ids ? Value(point.ids->corpus) : Value()},
          {"training", point.ids ? Value(point.ids->training) : Value()},
          {"checkpoint", point.checkpoint()},
          {"training_state", state_name(point.training)},
          {"evaluation", point.ids ? Value(point.ids->evaluation) : Value()},
          {"evaluation_state", state_name(point.evaluation)}};
}

}  // namespace

std::map<std::string, std::string> RecordedSource::origins_of(const RecordedPoint& point) const {
  const bool is_further = point.further && *point.further < further_origins.size();
  Places out = is_further ? further_origins[*point.further] : axis_origins;
  out.insert(origins.begin(), origins.end());  // what varies wins over what is in tables
  return out;
}

std::vector<RecordedPoint> recorded_points(const fs::path& experiment_folder) {
  return read_plan(experiment_folder, whole_text, [](const Value& plan) {
    std::vector<RecordedPoint> out;
    for (const auto& point : plan.at("points"))
      out.push_back(point_from(point));
    return out;
  });
}

std::optional<RecordedSource> recorded_source(const fs::path& experiment_folder) {
  return read_plan(experiment_folder, head_text, [](const Value& head) {
    return std::optional<RecordedSource>(
        {path_from(head.value("file", Value(""))), head.value("sets", std::vector<std::string>()),
         head.value("points_id", ""), head.value("origins", Places()),
         head.value("axis_origins", Places()), head.value("further_origins", std::vector<Places>()),
         head.value("initial_ids", std::map<std::string, std::string>())});
  });
}

void record_plan(const Plan& plan, const Spec& spec, const std::vector<std::string>& sets,
                 const Workspace& workspace) {
  const fs::path folder = workspace.experiment(plan.name);
  write_atomic(folder / "spec.toml", read_file(spec.file));
  const RecordedSource source = source_of(spec, sets);
  std::string text;
  write_plan_json(plan, outlook(plan, workspace),
                  {{"origins", source.origins},
                   {"axis_origins", source.axis_origins},
                   {"further_origins", source.further_origins},
                   {"file", path_json(source.file)},
                   {"sets", source.sets},
                   {"points_id", points_id(plan)},
                   {"initial_ids", plan.initial_ids}},
                  [&text](std::string_view piece) { text += piece; });
  write_atomic(plan_file(folder), text);
}

bool is_recorded(const Plan& plan, const Spec& spec, const std::vector<std::string>& sets,
                 const Workspace& workspace) {
  const auto source = recorded_source(workspace.experiment(plan.name));
  return source && source->file == fs::absolute(spec.file).string() && source->sets == sets &&
         source->points_id == points_id(plan);
}

std::optional<std::string> other_file_of(const Spec& spec, const Workspace& workspace) {
  const auto source = recorded_source(workspace.experiment(spec.name));
  std::error_code code;
  const bool has_other = source && !source->file.empty() && fs::exists(source->file, code) &&
                         !fs::equivalent(source->file, spec.file, code);
  return has_other ? std::optional(source->file) : std::nullopt;
}

std::set<std::string> runs_of_others(const Workspace& workspace, const std::string& own) {
  std::set<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(workspace.experiments(), none)) {
    if (entry.path().filename() == own) continue;
    for (const auto& point : recorded_points(entry.path()))
      if (point.ids) out.insert({point.ids->training, point.ids->evaluation});
  }
  return out;
}

PlanChange plan_change(const std::vector<RecordedPoint>& before, const Plan& now) {
  std::set<std::string> old_keys, new_keys;
  for (const auto& point : before)
    old_keys.insert(point_key(point));
  PlanChange out;
  for (const auto& point : now.points) {
    const std::string key = point_key(point);
    new_keys.insert(key);
    if (old_keys.contains(key)) {
      ++out.kept;
    } else {
      out.added.push_back(point.name);
    }
  }
  for (const auto& point : before) {
    if (!new_keys.contains(point_key(point))) out.removed.push_back(point);
  }
  return out;
}

Value plan_json(const Plan& plan) {
  Value out = head_json(plan);
  out["points"] = Value::array();
  for (const auto& point : plan.points)
    out["points"].push_back(point_json(point));
  return out;
}

void write_plan_json(const Plan& plan, const Outlook& outlook, const Value& more,
                     const std::function<void(std::string_view)>& write) {
  Value head = head_json(plan);
  head.update(more);
  head["work"] = {{"trainings", outlook.trainings},
                  {"trainings_left", outlook.trainings_left},
                  {"evaluations_left", outlook.evaluations_left},
                  {"judged", outlook.estimated},
                  {"finished_runs_of_the_same_shape", outlook.sources},
                  {"seconds", outlook.estimated > 0 ? Value(outlook.seconds) : Value()},
                  {"device_hours", outlook.estimated > 0 ? Value(outlook.device_hours) : Value()}};
  std::string text = json_text(head, 1);
  text.erase(text.rfind('\n'));
  write(text);
  write(kPointsBegin);
  for (size_t i = 0; i < plan.points.size(); ++i) {
    const PointOutlook& ahead = outlook.points[i];
    Value point = point_json(plan.points[i]);
    point["shape"] = ahead.shape;
    point["also_in"] = ahead.also_in;
    point["evaluation_shape"] = ahead.evaluation_shape;
    const auto number = [](const std::optional<double>& one) {
      return one ? Value(*one) : Value();
    };
    point["seconds"] = number(ahead.seconds);
    point["evaluation_seconds"] = number(ahead.evaluation_seconds);
    write((i == 0 ? "\n  " : ",\n  ") + canonical_text(point));
  }
  write("\n ]\n}\n");
}

}  // namespace xp
