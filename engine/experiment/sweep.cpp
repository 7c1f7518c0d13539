// Each form of axis is one function from its table to rows of values.
#include "engine/experiment/sweep.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/base/to_integer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xp {
namespace {

using AxisRows = std::vector<std::vector<Value>>;

constexpr const char* kForms = "range, log, random, zip, simplex, repeat";
constexpr int64_t kMaxRows = 1'000'000;

AxisRows one_wide(std::vector<Value> values) {
  AxisRows out;
  for (auto& value : values)
    out.push_back({std::move(value)});
  return out;
}

double number(const Value& value, const char* what) {
  if (!value.is_number()) user_error("{} must be a number, not {}", what, show(value));
  return value.get<double>();
}

int64_t whole(const Value& form, const char* key, int64_t fallback) {
  if (!form.contains(key)) return fallback;
  if (!form[key].is_number_integer())
    user_error("'{}' must be an integer, not {}", key, show(form[key]));
  return form[key].get<int64_t>();
}

void expect_numbers(const Value& list, const char* form, const char* shape, size_t count) {
  const bool fits = list.is_array() && list.size() == count &&
                    std::all_of(list.begin(), list.end(), [](auto& v) { return v.is_number(); });
  if (!fits) user_error("'{}' must be {}, not {}", form, shape, show(list));
}

// The count is a floating-point number because it may be too large for an integer.
void expect_size(double count) {
  if (!(count <= kMaxRows))
    user_error("{:.6g} values are more than an axis may have ({})", count, kMaxRows);
}

// Digits after the decimal point of a number as a person writes it: 0.25 has 2, 1e-13 has 13.
int num_decimals(double number) {
  const std::string text = fmt::format("{}", number);
  const size_t exponent = std::min(text.find('e'), text.size());
  const size_t point = std::min(text.find('.'), exponent);
  const int fraction = point == exponent ? 0 : static_cast<int>(exponent - point) - 1;
  const int power = exponent == text.size() ? 0 : std::stoi(text.substr(exponent + 1));
  return std::max(0, fraction - power);
}

// `number`, a sum of multiples of numbers with at most `decimals` digits after the point, without
// its error of rounding: 0.3, not 0.30000000000000004.
double as_written(double number, int decimals) {
  return std::stod(fmt::format("{:.{}f}", number, decimals));
}

AxisRows range_rows(const Value& form, size_t) {
  const Value& v = form["range"];
  expect_numbers(v, "range", "[from, to, step]", 3);
  const bool integers =
      std::all_of(v.begin(), v.end(), [](auto& x) { return x.is_number_integer(); });
  const double from = v[0], to = v[1], step = v[2];
  if (!std::isfinite(from) || !std::isfinite(to) || !std::isfinite(step))
    user_error("'range' is {}; must be finite numbers", show(v));
  if (!(step > 0)) user_error("the step of 'range' is {}; must be above 0", show(v[2]));
  // With some tolerance, so that 0.1 .. 0.3 by 0.1 includes its end.
  const double steps = std::floor((to - from) / step + 1e-9);
  if (steps >= 0) expect_size(steps + 1);
  if (steps < 0) return {};
  std::vector<Value> out;
  if (integers) {
    const int64_t end = v[1], by = v[2];
    int64_t value = v[0];
    out.emplace_back(value);
    while (static_cast<uint64_t>(end) - static_cast<uint64_t>(value) >= static_cast<uint64_t>(by))
      out.emplace_back(value += by);
    return one_wide(std::move(out));
  }
  const int decimals = std::max(num_decimals(from), num_decimals(step));
  for (int64_t i = 0; static_cast<double>(i) <= steps; ++i)
    out.emplace_back(as_written(from + static_cast<double>(i) * step, decimals));
  return one_wide(std::move(out));
}

AxisRows log_rows(const Value& form, size_t) {
  const Value& v = form["log"];
  expect_numbers(v, "log", "[from, to, count]", 3);
  const double from = v[0], to = v[1];
  if (!(from > 0) || !(to > 0) || !std::isfinite(from) || !std::isfinite(to))
    user_error("the ends of 'log' must be finite and above 0");
  if (!v[2].is_number_integer() || v[2].get<int64_t>() < 2)
    user_error("the count of 'log' is {}; must be an integer of at least 2", show(v[2]));
  const auto count = v[2].get<int64_t>();
  expect_size(static_cast<double>(count));
  std::vector<Value> out;
  out.emplace_back(from);
  for (int64_t i = 1; i + 1 < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    const double value = std::exp(std::lerp(std::log(from), std::log(to), share));
    out.emplace_back(std::stod(fmt::format("{:.12g}", value)));
  }
  out.emplace_back(to);
  return one_wide(std::move(out));
}

AxisRows random_rows(const Value& form, size_t) {
  const Value& v = form["random"];
  expect_numbers(v, "random", "[from, to]", 2);
  const int64_t samples = whole(form, "samples", 0), seed = whole(form, "seed", 1);
  if (samples < 1) user_error("'random' needs 'samples', an integer of at least 1");
  expect_size(static_cast<double>(samples));
  const double from = v[0], to = v[1];
  if (!std::isfinite(to - from)) user_error("the ends of 'random' must be finite numbers");
  const Value scale = form.value("scale", Value("linear"));
  if (scale != "linear" && scale != "log")
    user_error("'scale' is {}; must be one of linear, log", show(scale));
  if (scale == "log" && (!(from > 0) || !(to > 0)))
    user_error("the ends of 'random' must be above 0 on a log scale");
  std::vector<Value> out;
  for (int64_t i = 0; i < samples; ++i) {
    const auto draw = seed_for(static_cast<uint64_t>(seed), "sweep.random", i) >> 10;
    const double share = static_cast<double>(draw) * 0x1p-53;
    out.emplace_back(scale == "log" ? from * std::pow(to / from, share)
                                    : from + (to - from) * share);
  }
  return one_wide(std::move(out));
}

AxisRows zip_rows(const Value& form, size_t width) {
  const Value& v = form["zip"];
  if (!v.is_array()) user_error("'zip' must be a list of lists, not {}", show(v));
  AxisRows out;
  for (const auto& row : v) {
    if (!row.is_array() || row.size() != width)
      user_error("each row of 'zip' must be a list of {} values, not {}", width, show(row));
    out.emplace_back(row.begin(), row.end());
  }
  return out;
}

AxisRows simplex_rows(const Value& form, size_t width) {
  const double step = number(form["simplex"], "'simplex'");
  if (!(step > 0 && step <= 1)) user_error("'simplex' is {}; must be above 0, at most 1", step);
  const double all_steps = std::floor(1 / step + 1e-9);
  expect_size(std::pow(all_steps + 1, width));
  const auto steps = to_integer(all_steps);
  const int decimals = num_decimals(step);
  AxisRows out;
  std::vector<int64_t> count(width, 0);
  while (true) {
    int64_t sum = 0;
    std::vector<Value> row;
    for (const int64_t c : count) {
      sum += c;
      row.emplace_back(as_written(static_cast<double>(c) * step, decimals));
    }
    if (sum <= steps) out.push_back(std::move(row));
    size_t digit = width;
    while (digit > 0 && count[digit - 1] == steps)
      count[--digit] = 0;
    if (digit == 0) return out;
    ++count[digit - 1];
  }
}

AxisRows repeat_rows(const Value& form, size_t) {
  const int64_t times = whole(form, "repeat", 0), base = whole(form, "base", 1);
  if (times < 1) user_error("'repeat' is {}; must be at least 1", times);
  constexpr int64_t kMaxBase = int64_t{1} << 62;
  if (base > kMaxBase) user_error("'base' is {}; must be at most {}", base, kMaxBase);
  expect_size(static_cast<double>(times));
  std::vector<Value> out;
  for (int64_t i = 0; i < times; ++i)
    out.emplace_back(base + i);
  return one_wide(std::move(out));
}

struct Form {
  const char* name;
  AxisRows (*rows)(const Value& form, size_t width);
  bool many;                       // may set several keys
  std::vector<const char*> extra;  // further keys of its table
};

const std::vector<Form>& forms() {
  static const std::vector<Form> all = {
      {"range", range_rows, false, {}},
      {"log", log_rows, false, {}},
      {"random", random_rows, false, {"samples", "seed", "scale"}},
      {"zip", zip_rows, true, {}},
      {"simplex", simplex_rows, true, {}},
      {"repeat", repeat_rows, false, {"base"}}};
  return all;
}

}  // namespace

bool is_axis_form(const Value& written) {
  return std::any_of(forms().begin(), forms().end(),
                     [&](const Form& form) { return written.contains(form.name); });
}

std::vector<std::vector<Value>> axis_rows(const Value& written, size_t width) {
  if (written.is_array()) {
    if (width > 1) user_error("an axis of {} keys needs a form, such as zip = [[...]]", width);
    return one_wide({written.begin(), written.end()});
  }
  if (!written.is_object())
    user_error("an axis must be a list or one of the forms {}, not {}", kForms, show(written));
  for (const auto& form : forms()) {
    if (!written.contains(form.name)) continue;
    if (width > 1 && !form.many)
      user_error("'{}' sets one key, but this axis has {}; use zip or simplex", form.name, width);
    for (const auto& [key, value] : written.items()) {
      const bool known = key == form.name ||
                         std::find(form.extra.begin(), form.extra.end(), key) != form.extra.end();
      if (!known) user_error("'{}' does not belong to an axis of the form '{}'", key, form.name);
    }
    return form.rows(written, width);
  }
  user_error("an axis must be a list or one of the forms {}", kForms);
}

std::vector<std::string> Sweep::keys() const {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& key) {
    if (std::find(out.begin(), out.end(), key) == out.end()) out.push_back(key);
  };
  for (const auto& axis : axes)
    std::for_each(axis.keys.begin(), axis.keys.end(), add);
  for (const auto& point : points) {
    for (const auto& [key, value] : point)
      add(key);
  }
  return out;
}

size_t combination_count(const Sweep& sweep) {
  if (sweep.axes.empty()) return sweep.points.empty() ? 1 : sweep.points.size();
  size_t count = 1;
  for (const auto& axis : sweep.axes) {
    if (axis.values.empty()) return sweep.points.size();
    if (count > static_cast<size_t>(kMaxRows)) return count;
    count *= axis.values.size();
  }
  return count + sweep.points.size();
}

void for_each_combination(const Sweep& sweep, const std::function<void(const Combination&)>& each) {
  std::vector<size_t> order(sweep.axes.size());
  std::iota(order.begin(), order.end(), 0);
  if (sweep.seed_last) {  // the slowest: all other combinations are done for one seed first
    std::stable_partition(order.begin(), order.end(), [&sweep](size_t axis) {
      const auto& keys = sweep.axes[axis].keys;
      return keys.size() == 1 && keys[0] == "train.seed";
    });
  }
  Combination now;
  now.rows.assign(sweep.axes.size(), 0);
  const auto take = [&](size_t axis, size_t row) {
    now.rows[axis] = row;
    const auto& keys = sweep.axes[axis].keys;
    for (size_t i = 0; i < keys.size(); ++i)
      now.values[keys[i]] = sweep.axes[axis].values[row][i];
  };
  const bool is_product = !sweep.axes.empty() || sweep.points.empty();
  const bool is_empty = std::any_of(sweep.axes.begin(), sweep.axes.end(),
                                    [](const Axis& axis) { return axis.values.empty(); });
  if (is_product && !is_empty) {
    for (const size_t axis : order)
      take(axis, 0);
    size_t digit = 0;
    do {
      each(now);
      for (digit = order.size(); digit > 0; --digit) {
        const size_t axis = order[digit - 1];
        const size_t next = now.rows[axis] + 1;
        take(axis, next < sweep.axes[axis].values.size() ? next : 0);
        if (now.rows[axis] > 0) break;
      }
    } while (digit > 0);
  }
  for (size_t i = 0; i < sweep.points.size(); ++i)
    each({sweep.points[i], {}, i});
}

}  // namespace xp
