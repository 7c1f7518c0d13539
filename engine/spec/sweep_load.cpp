// Keeps the order of the file, which the parsed tables have lost, through the places of the keys.
#include "engine/spec/sweep_load.h"

#include "engine/base/text.h"
#include "engine/spec/codes.h"
#include "engine/spec/settings_check.h"

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kWords[] = {"where", "exclude", "points", "order"};
constexpr size_t kMostPoints = 100'000;

bool is_word(const std::vector<std::string>& parts) {
  return parts.size() == 2 &&
         std::find(std::begin(kWords), std::end(kWords), parts[1]) != std::end(kWords);
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
  const std::string path = Keys(everything_, source_, problems_).resolve_quietly(name);
  return !path.empty() && !path.ends_with(".use");
}

void SweepLoader::add_axis(const Value& written, const std::vector<std::string>& parts) {
  RawAxis axis;
  axis.at = place_key(parts);
  axis.is_list = written.is_array();
  const std::string name = join({parts.begin() + 1, parts.end()}, ".");
  for (const auto& key : split(name, ','))
    axis.keys.emplace_back(trim(key));
  Keys quiet(everything_, source_, problems_);
  const std::string path = quiet.resolve_quietly(axis.keys.front());
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
  if (axis.keys.size() == 1 && source_.fixed.contains(path)) {
    fixed_.push_back(std::move(axis));
    return;
  }
  for (const auto& key : axis.keys)
    swept_.insert(quiet.resolve_quietly(key));
  raw_.push_back(std::move(axis));
}

Uses SweepLoader::uses() const {
  Uses out = source_.replaced;
  const auto add = [&out](const std::string& path, const Value& value) {
    if (path.ends_with(".use") && value.is_string())
      out[path.substr(0, path.size() - 4)].insert(value.get<std::string>());
  };
  for (const auto& [path, value] : leaves(source_.value)) {
    if (!path.starts_with("sweep.") && !swept_.contains(path)) add(path, value);
  }
  Keys quiet(everything_, source_, problems_);
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
  const Keys keys(schema, source_, problems_);
  for (const auto& raw : raw_) {
    take_axis(raw, keys, sweep);
    check_rows(raw, sweep.axes.back(), schema);
  }
  const Keys with_axes(schema, source_, problems_, sweep.keys());
  take_points(with_axes, schema, sweep);
  sweep.where = condition("where", with_axes);
  sweep.exclude = condition("exclude", with_axes);
  take_order(sweep);
  if (combination_count(sweep) > kMostPoints) {
    problems_.add(source_.place_of("sweep"), code::kTooManyPoints,
                  fmt::format("the sweep has more than {} points", kMostPoints));
  }
  return sweep;
}

void SweepLoader::take_axis(const RawAxis& raw, const Keys& keys, Sweep& sweep) {
  Axis axis;
  axis.at = raw.at;
  axis.place = source_.place_of(raw.at);
  for (const auto& key : raw.keys) {
    const std::string path = keys.resolve(key, axis.place);
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
  sweep.axes.push_back(std::move(axis));
}

Place SweepLoader::item_place(const RawAxis& raw, size_t row) const {
  const std::string zip = fmt::format("{}.zip[{}]", raw.at, row);
  if (raw.is_list) return source_.value_place(fmt::format("{}[{}]", raw.at, row));
  return source_.values.contains(zip) ? source_.value_place(zip) : source_.value_place(raw.at);
}

void SweepLoader::check_rows(const RawAxis& raw, const Axis& axis, const Schema& schema) {
  for (size_t row = 0; row < axis.values.size(); ++row) {
    for (size_t i = 0; i < axis.keys.size(); ++i) {
      if (axis.keys[i].empty()) continue;
      check_value(catalog_, schema, axis.keys[i], axis.values[row][i], item_place(raw, row),
                  problems_);
    }
    const auto begin = axis.values.begin(), here = begin + static_cast<std::ptrdiff_t>(row);
    if (std::find(begin, here, *here) == here) continue;
    const Value shown = here->size() == 1 ? here->front() : Value(*here);
    problems_.add(item_place(raw, row), code::kValueTwice,
                  fmt::format("the axis '{}' has {} twice", join(raw.keys, ", "), show(shown)));
  }
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
    Assignment point;
    for (const auto& [key, value] : (*points)[i].items()) {
      const std::string at = fmt::format("sweep.points[{}].{}", i, place_key({key}));
      const std::string path = keys.resolve(key, source_.place_of(at));
      if (path.empty()) continue;
      check_value(catalog_, schema, path, value, source_.value_place(at), problems_);
      point[path] = value;
    }
    sweep.points.push_back(std::move(point));
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
