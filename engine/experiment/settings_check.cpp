// Walks over the tables of the file; each message names the key, its table and what is known there.
#include "engine/experiment/settings_check.h"

#include "engine/base/text.h"
#include "engine/experiment/codes.h"
#include "engine/experiment/keys.h"
#include "registry/measure.h"

#include <algorithm>

namespace xp {
namespace {

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}
std::string table_of(const std::string& path) {
  return path.substr(0, path.rfind('.'));
}

void unknown_component(const Catalog& catalog, const std::string& kind, const std::string& name,
                       const Place& place, Problems& problems) {
  const auto known = catalog.names(kind);
  problems.add(place, code::kUnknownComponent,
               fmt::format("no {} named '{}'; known: {}", kind, name,
                           known.empty() ? "none" : join(known, ", ")),
               nearest(name, known));
}

class Walk {
 public:
  Walk(const SettingsCheck& in, Problems& problems) : in_(in), problems_(problems) {}

  std::set<std::string> doubtful;

  void table(const Value& value, const std::string& path) {
    for (const auto& [key, child] : value.items()) {
      const std::string at = path + "." + place_key({key});
      if (in_.picked.find(at) != nullptr) {
        const bool fits =
            check_value(in_.catalog, in_.picked, at, child, in_.source.value_place(at), problems_);
        if (!fits) doubtful.insert(at);
        check_items(at, child);
      } else if (in_.picked.is_table(at)) {
        nested(child, at);
      } else if (!in_.picked.is_open(path)) {
        unknown(path, key, at);
      }
    }
  }

  void missing(const SectionRule& section) {
    const std::string path = section.name;
    if (*section.kind == '\0' || !in_.catalog.default_component(section).empty()) return;
    if (in_.swept.contains(path + ".use") || find_path(in_.source.value, path + ".use") != nullptr)
      return;
    problems_.add(in_.source.place_of(path), code::kMissing,
                  fmt::format("[{}] needs the key 'use'; known: {}", path,
                              join(in_.catalog.names(section.kind), ", ")));
  }

 private:
  void nested(const Value& value, const std::string& at) {
    if (value.is_object()) return table(value, at);
    doubtful.insert(at);
    const bool picks = in_.picked.find(at + ".use") != nullptr;
    problems_.add(in_.source.value_place(at), code::kWrongType,
                  fmt::format("'{}' in [{}] must be a table{}, not {}", last_part(at), table_of(at),
                              picks ? " with the key 'use'" : "", show(value)));
  }

  // Of these lists each item is computed: twice would cost twice.
  void check_distinct(const std::string& at, const Value& list) {
    if ((at != "eval.subsets" && at != "eval.metrics") || !list.is_array()) return;
    for (auto item = list.begin(); item != list.end(); ++item) {
      if (std::find(list.begin(), item, *item) == item) continue;
      problems_.add(in_.source.value_place(fmt::format("{}[{}]", at, item - list.begin())),
                    code::kValueTwice,
                    fmt::format("'{}' in [{}] has {} twice; name it once", last_part(at),
                                table_of(at), show(*item)));
    }
  }

  void check_items(const std::string& at, const Value& value) {
    check_distinct(at, value);
    for (const auto& list : kNamesOf) {
      if (at != list.path || value == list.other) continue;
      const Value items = value.is_array() ? value : Value::array({value});
      for (size_t i = 0; i < items.size(); ++i) {
        if (!items[i].is_string()) continue;
        const std::string item = value.is_array() ? fmt::format("{}[{}]", at, i) : at;
        check_name(list, items[i], in_.source.value_place(item));
      }
    }
  }

  // Files and columns are called by names of the user's own.
  void check_name(const NamesOf& list, const std::string& name, const Place& place) {
    if (in_.catalog.find(list.kind, name) != nullptr) return;
    const std::string table = fmt::format("{}.{}", list.tables, name);
    const Value* use = find_path(in_.source.value, table + ".use");
    if (*list.tables == '\0' || use == nullptr)
      return unknown_component(in_.catalog, list.kind, name, place, problems_);
    const bool is_usable =
        name.size() <= 40 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
          return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '+';
        });
    if (is_usable && !find_measure(name, [](const auto&) { return std::nullopt; })) return;
    problems_.add(
        place, code::kName,
        is_usable ? fmt::format("'{}' is a column of reports already; choose another name", name)
                  : fmt::format("'{}' names a column and files, so it may have letters, "
                                "digits, '_', '-' and '+', up to 40",
                                name));
  }

  void unknown(const std::string& path, const std::string& key, const std::string& at) {
    const Place place = in_.source.place_of(at);
    if (in_.picked.is_named(path) && in_.everything.is_table(at)) {
      problems_.add(place, code::kUndeclared,
                    fmt::format("[{}] has settings of '{}', which '{}' in [{}] does not name", at,
                                key, last_part(names_with_tables(path).path), table_of(path)));
      return;
    }
    if (in_.everything.find(at) != nullptr || in_.everything.is_table(at)) {
      problems_.add(place, code::kUndeclared,
                    Undeclared{in_.catalog, in_.everything, in_.picked}.message(at));
      return;
    }
    if (const std::string setting = in_.everything.replacing(key); !setting.empty()) {
      doubtful.insert(setting);
      problems_.add(place, code::kUnknownKey, fmt::format("unknown key '{}' in [{}]", key, path),
                    table_of(setting) == path ? last_part(setting) : setting);
      return;
    }
    if (const std::string now = in_.everything.renamed(at); !now.empty()) {
      doubtful.insert(now);
      problems_.add(place, code::kUnknownKey,
                    fmt::format("unknown key '{}' in [{}]; it is '{}' in [{}] now", key, path,
                                last_part(now), table_of(now)));
      return;
    }
    const std::string near = nearest(key, in_.picked.names_below(path));
    if (!near.empty()) doubtful.insert(path + "." + near);
    problems_.add(
        place, code::kUnknownKey,
        fmt::format("unknown key '{}' in [{}]{}", key, path, near.empty() ? owners(key) : ""),
        near);
  }

  // "; it is one of [train]": the tables that have this key.
  std::string owners(const std::string& key) {
    constexpr size_t kMaxNamed = 2;
    std::vector<std::string> tables;
    for (const auto& path : in_.everything.paths()) {
      if (last_part(path) != key || key == "use") continue;
      tables.push_back("[" + table_of(path) + "]");
      doubtful.insert(path);
    }
    const bool helps = !tables.empty() && tables.size() <= kMaxNamed;
    return helps ? "; it is one of " + join(tables, " and ") : "";
  }

  const SettingsCheck& in_;
  Problems& problems_;
};

}  // namespace

bool check_value(const Catalog& catalog, const Schema& schema, const std::string& path,
                 const Value& value, const Place& place, Problems& problems) {
  const auto* settings = schema.find(path);
  check(settings != nullptr, "a checked path is known");
  const std::string kind = settings->front()->component;
  if (!kind.empty() && value.is_string()) {
    const bool is_known = catalog.find(kind, value) != nullptr;
    if (!is_known) unknown_component(catalog, kind, value, place, problems);
    return is_known;
  }
  for (const Setting* setting : *settings) {
    const std::string wrong = objection(*setting, value);
    if (wrong.empty()) continue;
    const char* found = wrong.starts_with("must be") ? code::kWrongType : code::kOutOfLimit;
    const std::string near =
        value.is_string() ? nearest(value.get_ref<const std::string&>(), setting->limit.choices)
                          : "";
    problems.add(place, found,
                 fmt::format("'{}' in [{}] {}", last_part(path), table_of(path), wrong), near);
    return false;
  }
  return true;
}

std::set<std::string> check_settings(const SettingsCheck& in, Problems& problems) {
  Walk walk(in, problems);
  for (const auto& section : kSections) {
    const Value* table = find_path(in.source.value, section.name);
    if (table != nullptr && table->is_object()) walk.table(*table, section.name);
    walk.missing(section);
  }
  return std::move(walk.doubtful);
}

}  // namespace xp
