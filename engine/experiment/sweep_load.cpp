// The places of the keys restore the order of the axes in the file, which parsed tables lose.
#include "engine/experiment/sweep_load.h"

#include "engine/base/text.h"
#include "engine/base/to_integer.h"
#include "engine/experiment/codes.h"
#include "engine/experiment/settings_check.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

constexpr const char* kWords[] = {"where", "exclude", "points", "order"};
constexpr size_t kMaxPoints = 100'000;

bool is_word(const std::vector<std::string>& parts) {
  return parts.size() == 2 &&
         std::find(std::begin(kWords), std::end(kWords), parts[1]) != std::end(kWords);
}

using AxisRows = std::vector<std::vector<Value>>;

AxisRows without_repetitions(const AxisRows& rows) {
  AxisRows out;
  std::set<std::vector<Value>> seen;
  for (const auto& row : rows) {
    if (seen.insert(row).second) out.push_back(row);
  }
  return out;
}

// "train.seed, launch.nodes" sets two keys.
std::vector<std::string> axis_keys(const std::string& name) {
  std::vector<std::string> out;
  for (const auto& key : split(name, ','))
    out.emplace_back(trim(key));
  return out;
}

Value default_of(const Catalog& catalog, const std::string& path) {
  const size_t dot = path.find('.');
  const Declaration* section = catalog.find("section", path.substr(0, dot));
  const Setting* setting =
      section == nullptr ? nullptr : find_setting(*section, path.substr(dot + 1));
  return setting == nullptr ? Value() : setting->fallback;
}

// { log = [16, 256, 5] } and { random = [1000, 8000], ... } give integers if their ends and the
// setting are.
bool has_whole_ends(const Value& written) {
  for (const char* form : {"log", "random"}) {
    if (!written.is_object() || !written.contains(form)) continue;
    const Value& ends = written[form];
    return ends.is_array() && ends.size() >= 2 && ends[0].is_number_integer() &&
           ends[1].is_number_integer();
  }
  return false;
}

}  // namespace

void SweepLoader::read() {
  const auto sweep = source_.value.find("sweep");
  if (sweep == source_.value.end() || !sweep->is_object()) return;
  find_axes(*sweep, {"sweep"});
  std::stable_sort(raw_.begin(), raw_.end(), [this](const RawAxis& a, const RawAxis& b) {
    return source_.before(a.at, b.at);
  });
}

// Axes are keys of [sweep], quoted or not: an unquoted `train.seed = [1]` is a table in a table.
void SweepLoader::find_axes(const Value& table, const std::vector<std::string>& parts) {
  for (const auto& [key, value] : table.items()) {
    std::vector<std::string> path = parts;
    path.push_back(key);
    if (is_word(path)) continue;
    if (value.is_object() && !is_axis_form(value) && !value.empty() && !is_setting(path)) {
      find_axes(value, path);
    } else {
      add_axis(value, path);
    }
  }
}

// `seed = { from = 1 }` is an axis of no known form, not a table of axes.
bool SweepLoader::is_setting(const std::vector<std::string>& parts) const {
  const std::string name = join({parts.begin() + 1, parts.end()}, ".");
  const std::string path = Keys(everything_, problems_).resolve_quietly(name);
  return !path.empty() && !path.ends_with(".use");
}

void SweepLoader::add_axis(const Value& written, const std::vector<std::string>& parts) {
  RawAxis axis;
  axis.at = place_key(parts);
  axis.is_list = written.is_array();
  const std::string name = join({parts.begin() + 1, parts.end()}, ".");
  axis.keys = axis_keys(name);
  Keys quiet(everything_, problems_);
  axis.may_round = has_whole_ends(written);
  try {
    axis.rows = axis_rows(written, axis.keys.size());
    if (axis.rows.empty()) {
      problems_.add(source_.value_place(axis.at), code::kAxisEmpty,
                    fmt::format("the axis '{}' has no values", name));
    }
  } catch (const Error& error) {
    problems_.add(source_.value_place(axis.at), code::kAxisForm,
                  fmt::format("the axis '{}': {}", name, error.what()));
  }
  cut_fixed(axis, quiet);
  if (axis.keys.empty()) return;
  for (const auto& key : axis.keys)
    swept_.insert(quiet.resolve_quietly(key));
  raw_.push_back(std::move(axis));
}

// Removes the keys that --set has set; the others continue to vary.
void SweepLoader::cut_fixed(RawAxis& axis, const Keys& quiet) {
  for (size_t i = axis.keys.size(); i-- > 0;) {
    if (!source_.fixed.contains(quiet.resolve_quietly(axis.keys[i]))) continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    RawAxis& fixed = fixed_.emplace_back();
    fixed.keys = {axis.keys[i]};
    for (auto& row : axis.rows) {
      fixed.rows.push_back({row[i]});
      row.erase(row.begin() + at);
    }
    axis.keys.erase(axis.keys.begin() + at);
    axis.is_cut = true;
  }
  if (axis.is_cut) axis.rows = without_repetitions(axis.rows);
}

// As they would have been read; what was wrong with them does not matter any more.
std::vector<SweepLoader::RawAxis> SweepLoader::replaced_axes() const {
  std::vector<RawAxis> out;
  for (const auto& [name, written] : source_.replaced_axes) {
    RawAxis axis;
    axis.keys = axis_keys(name);
    try {
      axis.rows = axis_rows(written, axis.keys.size());
    } catch (const Error&) {
      continue;
    }
    out.push_back(std::move(axis));
  }
  return out;
}

Uses SweepLoader::uses() const {
  Uses out = source_.replaced;
  const auto add = [&out](const std::string& path, const Value& value) {
    if (path.ends_with(".use") && value.is_string())
      out[path.substr(0, path.size() - 4)].insert(value.get<std::string>());
    add_listed(path, value, out);
  };
  for (const auto& list : kNamesOf) {
    if (*list.tables != '\0' && find_path(source_.value, list.path) == nullptr)
      add_listed(list.path, default_of(catalog_, list.path), out);
  }
  for (const auto& [path, value] : leaves(source_.value)) {
    if (!path.starts_with("sweep.")) add(path, value);
  }
  Keys quiet(everything_, problems_);
  const auto add_axes = [&](const std::vector<RawAxis>& axes) {
    for (const auto& axis : axes) {
      for (size_t i = 0; i < axis.keys.size(); ++i) {
        const std::string path = quiet.resolve_quietly(axis.keys[i]);
        for (const auto& row : axis.rows)
          add(path, row[i]);
      }
    }
  };
  add_axes(raw_);
  add_axes(fixed_);
  add_axes(replaced_axes());
  const Value* points = find_path(source_.value, "sweep.points");
  if (points == nullptr || !points->is_array()) return out;
  for (const auto& point : *points) {
    if (!point.is_object()) continue;
    for (const auto& [key, value] : point.items())
      add(quiet.resolve_quietly(key), value);
  }
  return out;
}

Sweep SweepLoader::take(const Schema& schema) {
  Sweep sweep;
  const Undeclared undeclared{catalog_, everything_, schema};
  const Keys keys(schema, problems_, {}, &undeclared);
  for (const auto& raw : raw_)
    take_axis(raw, keys, schema, sweep);
  const Keys with_axes(schema, problems_, sweep.keys(), &undeclared);
  take_points(with_axes, schema, sweep);
  const size_t num_problems = problems_.all().size();
  sweep.where = condition("where", with_axes);
  sweep.exclude = condition("exclude", with_axes);
  const bool has_conditions = problems_.all().size() == num_problems;
  take_order(sweep);
  has_points_ = has_conditions && combination_count(sweep) <= kMaxPoints;
  if (combination_count(sweep) > kMaxPoints) {
    problems_.add(source_.place_of("sweep"), code::kTooManyPoints,
                  fmt::format("the sweep has more than {} points", kMaxPoints));
  }
  return sweep;
}

void SweepLoader::take_axis(const RawAxis& raw, const Keys& keys, const Schema& schema,
                            Sweep& sweep) {
  Axis axis;
  axis.at = raw.at;
  axis.place = source_.place_of(raw.at);
  const size_t num_problems = problems_.all().size();
  for (const auto& key : raw.keys) {
    const std::string path = keys.resolve(key, axis.place);
    if (path.empty() && !problems_.empty())
      doubtful_.insert(keys.resolve_quietly(problems_.all().back().suggestion));
    const auto earlier = sweep.keys();
    const bool twice = std::find(earlier.begin(), earlier.end(), path) != earlier.end() ||
                       std::find(axis.keys.begin(), axis.keys.end(), path) != axis.keys.end();
    if (!path.empty() && twice) {
      problems_.add(axis.place, code::kAxisTwice,
                    fmt::format("'{}' is set by two axes; it can vary only once", path));
    }
    axis.keys.push_back(path);
  }
  axis.values = raw.rows;
  const auto* settings = axis.keys.empty() ? nullptr : schema.find(axis.keys.front());
  if (raw.may_round && settings != nullptr && settings->front()->type == Type::kInteger) {
    for (auto& row : axis.values)
      row.front() = to_nearest_integer(row.front().get<double>());
    axis.values = without_repetitions(axis.values);
  }
  const bool is_known = std::none_of(axis.keys.begin(), axis.keys.end(),
                                     [](const std::string& path) { return path.empty(); });
  const bool is_sound = is_known && problems_.all().size() == num_problems;
  if (is_sound) keep_good_rows(raw, axis, schema);
  if (is_sound && !axis.values.empty()) {
    sweep.axes.push_back(std::move(axis));
  } else {
    doubtful_.insert(axis.keys.begin(), axis.keys.end());
  }
}

Place SweepLoader::item_place(const RawAxis& raw, size_t row) const {
  if (raw.is_cut || raw.may_round) return source_.value_place(raw.at);
  const std::string zip = fmt::format("{}.zip[{}]", raw.at, row);
  if (raw.is_list) return source_.value_place(fmt::format("{}[{}]", raw.at, row));
  return source_.values.contains(zip) ? source_.value_place(zip) : source_.value_place(raw.at);
}

void SweepLoader::keep_good_rows(const RawAxis& raw, Axis& axis, const Schema& schema) {
  std::vector<std::vector<Value>> good;
  std::set<std::vector<Value>> seen;
  Place told;  // the rows of a form share a place: only its first problem is added
  for (size_t row = 0; row < axis.values.size(); ++row) {
    const auto& values = axis.values[row];
    const Place place = item_place(raw, row);
    const bool is_told = place.column == told.column && place.line == told.line;
    Problems ignored;
    Problems& problems = is_told ? ignored : problems_;
    bool is_good = true;
    for (size_t i = 0; i < axis.keys.size(); ++i)
      is_good &= check_value(catalog_, schema, axis.keys[i], values[i], place, problems);
    if (!seen.insert(values).second) {
      const Value shown = values.size() == 1 ? values.front() : Value(values);
      problems.add(place, code::kValueTwice,
                   fmt::format("the axis '{}' has {} twice", join(raw.keys, ", "), show(shown)));
      is_good = false;
    }
    if (is_good) good.push_back(values);
    if (!is_good) told = place;
  }
  axis.values = std::move(good);
}

void SweepLoader::take_points(const Keys& keys, const Schema& schema, Sweep& sweep) {
  const Value* points = find_path(source_.value, "sweep.points");
  if (points == nullptr) return;
  const auto is_table = [](const Value& v) { return v.is_object(); };
  if (!points->is_array() || !std::all_of(points->begin(), points->end(), is_table)) {
    problems_.add(
        source_.value_place("sweep.points"), code::kWrongType,
        fmt::format("'points' in [sweep] must be a list of tables, not {}", show(*points)));
    return;
  }
  for (size_t i = 0; i < points->size(); ++i) {
    SettingValues point;
    std::map<std::string, Place> places;
    const size_t num_problems = problems_.all().size();
    for (const auto& [key, value] : (*points)[i].items()) {
      const std::string at = fmt::format("sweep.points[{}].{}", i, place_key({key}));
      const std::string path = keys.resolve(key, source_.place_of(at));
      if (path.empty() || source_.fixed.contains(path)) continue;
      check_value(catalog_, schema, path, value, source_.value_place(at), problems_);
      point[path] = value;
      places[path] = source_.place_of(at);
    }
    if (problems_.all().size() > num_problems) continue;
    sweep.points.push_back(std::move(point));
    sweep.point_places.push_back(std::move(places));
  }
}

std::optional<Condition> SweepLoader::condition(const char* name, const Keys& keys) {
  const std::string at = fmt::format("sweep.{}", name);
  const Value* text = find_path(source_.value, at);
  if (text == nullptr || *text == "") return std::nullopt;
  const Place place = source_.value_place(at);
  if (text->is_string()) return read_condition(*text, place, keys, problems_);
  problems_.add(place, code::kWrongType,
                fmt::format("'{}' in [sweep] must be a string, not {}", name, show(*text)));
  return std::nullopt;
}

void SweepLoader::take_order(Sweep& sweep) {
  const Value* order = find_path(source_.value, "sweep.order");
  if (order == nullptr || *order == "") return;
  sweep.seed_last = *order == "seed-last";
  if (sweep.seed_last) return;
  problems_.add(source_.value_place("sweep.order"), code::kOutOfLimit,
                fmt::format("'order' in [sweep] is {}; must be seed-last or absent", show(*order)));
}

}  // namespace xp
