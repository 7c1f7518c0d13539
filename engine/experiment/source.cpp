// Reads `extends` depth first, so that a later file wins over what it extends.
#include "engine/experiment/source.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/experiment/codes.h"
#include "engine/experiment/sweep.h"

#include <algorithm>
#include <tuple>

namespace xp {
namespace {

constexpr std::string_view kSweep = "sweep";

class Reader {
 public:
  Reader(Source& out, Problems& problems) : out_(out), problems_(problems) {}

  void read(const std::string& file, const Place& asked_at) {
    const std::string whole = fs::absolute(file).lexically_normal().string();
    if (std::find(open_.begin(), open_.end(), whole) != open_.end()) {
      problems_.add(asked_at, code::kExtendsCycle, fmt::format("'{}' extends itself", file));
      return;
    }
    std::string text;
    if (!take_text(file, asked_at, text)) return;
    open_.push_back(whole);
    TomlDocument document = parse_toml(text, file, problems_);
    for (const auto& base : bases(document, file))
      read(base.file, base.asked_at);
    document.value.erase("extends");
    merge(document);
    out_.files.push_back(file);
    open_.pop_back();
  }

 private:
  struct Base {
    std::string file;
    Place asked_at;
  };

  bool take_text(const std::string& file, const Place& asked_at, std::string& text) {
    try {
      text = read_file(file);
    } catch (const Error& error) {
      std::string message = error.what();
      const std::string named = "'" + file + "'";  // the place already names the first file
      if (asked_at.line == 0 && message.starts_with(named))
        message.replace(0, named.size(), "this file");
      problems_.add(asked_at, code::kUnreadable, message);
      return false;
    }
    const Place whole{file, 0, 0, 0};
    if (!is_valid_utf8(text)) {
      problems_.add(whole, code::kNotUtf8, "this file is not UTF-8 text; save it as UTF-8");
      return false;
    }
    if (trim(text).empty()) {
      problems_.add(whole, code::kEmpty,
                    "this file is empty; an experiment needs at least a name and [corpus]");
      return false;
    }
    return true;
  }

  std::vector<Base> bases(const TomlDocument& document, const std::string& file) {
    const auto found = document.value.find("extends");
    if (found == document.value.end()) return {};
    const Value list = found->is_array() ? *found : Value::array({*found});
    std::vector<Base> out;
    for (size_t i = 0; i < list.size(); ++i) {
      const auto at = found->is_array() ? fmt::format("extends[{}]", i) : "extends";
      const Place& place = document.value_places.at(at);
      if (!list[i].is_string()) {
        problems_.add(place, code::kExtends,
                      fmt::format("'extends' must name a file or files, not {}", show(list[i])));
        continue;
      }
      const fs::path base = fs::path(file).parent_path() / list[i].get<std::string>();
      out.push_back({base.lexically_normal().string(), place});
    }
    return out;
  }

  void merge(const TomlDocument& document) {
    merge_value(out_.value, document.value, "");
    for (const auto& [path, place] : document.key_places)
      out_.keys[path] = place;
    for (const auto& [path, place] : document.value_places)
      out_.values[path] = place;
  }

  void merge_value(Value& into, const Value& from, const std::string& path) {
    for (const auto& [key, value] : from.items()) {
      const std::string at = path.empty() ? key : path + "." + key;
      if (key == "use" && into.contains(key) && into[key].is_string() && into[key] != value)
        out_.replaced[path].insert(into[key].get<std::string>());
      if (into.contains(key)) add_listed(at, into[key], out_.replaced);
      // An axis is replaced as a whole: { repeat = 3 } is not merged into { range = [...] }.
      const bool whole = path.starts_with(kSweep) && (is_axis_form(value) || is_form_in(into, key));
      if (value.is_object() && into.contains(key) && into[key].is_object() && !whole) {
        merge_value(into[key], value, at);
      } else {
        if (path.starts_with(kSweep) && into.contains(key))
          out_.replaced_axes.emplace_back(at.substr(kSweep.size() + 1), into[key]);
        into[key] = value;
      }
    }
  }

  static bool is_form_in(const Value& table, const std::string& key) {
    return table.contains(key) && is_axis_form(table[key]);
  }

  Source& out_;
  Problems& problems_;
  std::vector<std::string> open_;
};

// Whether `path` is a key of the table, or an item of the list, at `whole`.
bool lies_in(const std::string& path, const std::string& whole) {
  return path.starts_with(whole) && path.size() > whole.size() &&
         (path[whole.size()] == '.' || path[whole.size()] == '[');
}

}  // namespace

Place Source::place_of(const std::string& path) const {
  const auto key = keys.find(path);
  if (key != keys.end()) return key->second;
  return {files.empty() ? "" : files.back(), 0, 0, 0};
}

Place Source::value_place(const std::string& path) const {
  const auto found = values.find(path);
  if (found != values.end()) return found->second;
  return path.ends_with(']') ? value_place(path.substr(0, path.rfind('['))) : place_of(path);
}

bool Source::before(const std::string& a, const std::string& b) const {
  const auto rank = [this](const Place& place) {
    const auto file = std::find(files.begin(), files.end(), place.file);
    return std::make_tuple(file - files.begin(), place.line, place.column);
  };
  return rank(place_of(a)) < rank(place_of(b));
}

void Source::assign(const std::string& path, Value new_value, const Place& place) {
  const Value* old = find_path(value, path);
  if (path.ends_with(".use") && old != nullptr && old->is_string())
    replaced[path.substr(0, path.size() - 4)].insert(old->get<std::string>());
  if (old != nullptr) add_listed(path, *old, replaced);
  Value* at = &value;
  for (const auto& part : path_parts(path)) {
    if (!at->is_object()) *at = Value::object();
    at = &(*at)[part];
  }
  *at = std::move(new_value);
  for (auto* places : {&keys, &values})
    std::erase_if(*places, [&](const auto& known) { return lies_in(known.first, path); });
  keys[path] = values[path] = place;
}

Source read_source(const std::string& file, Problems& problems) {
  Source out;
  Reader(out, problems).read(file, {file, 0, 0, 0});
  return out;
}

}  // namespace xp
