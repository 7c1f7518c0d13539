// The order of the steps matters: the known keys depend on the components that axes and --set pick.
#include "engine/experiment/load.h"

#include "engine/base/file.h"
#include "engine/base/text.h"
#include "engine/experiment/codes.h"
#include "engine/experiment/fairseq_names.h"
#include "engine/experiment/keys.h"
#include "engine/experiment/settings_check.h"
#include "engine/experiment/sweep_load.h"
#include "registry/direction_groups.h"
#include "registry/measure.h"

#include <algorithm>

namespace xp {
namespace {

const std::vector<std::string>& plain_keys() {
  static const std::vector<std::string> keys = {"schema", "name", "description"};
  return keys;
}

void erase_path(Value& root, const std::string& path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string::npos) {
    root.erase(path);
  } else if (find_path(root, path) != nullptr) {
    const std::string table = path.substr(0, dot);
    root.at(Value::json_pointer("/" + join(path_parts(table), "/"))).erase(path.substr(dot + 1));
  }
}

std::vector<std::string> section_names() {
  std::vector<std::string> names = {"plugins", "sweep"};
  for (const auto& section : kSections)
    names.emplace_back(section.name);
  return names;
}

class Loader {
 public:
  Loader(const Catalog& catalog, Spec& spec, Problems& problems)
      : catalog_(catalog), spec_(spec), problems_(problems) {}

  void load(const std::vector<std::string>& sets) {
    const Schema everything = Schema::of_everything(catalog_, spec_.source.value);
    Keys keys(everything, problems_);
    for (const auto& set : sets)
      apply(set, keys);
    check_top();
    SweepLoader sweep(catalog_, everything, spec_.source, problems_);
    sweep.read();
    const Uses uses = sweep.uses();
    spec_.schema = std::make_shared<const Schema>(catalog_, uses);
    spec_.doubtful.merge(check_settings(
        {catalog_, everything, *spec_.schema, spec_.source, sweep.swept()}, problems_));
    spec_.sweep = sweep.take(*spec_.schema);
    spec_.doubtful.insert(sweep.doubtful().begin(), sweep.doubtful().end());
    for (const auto& section : kSections) {
      const Value* table = find_path(spec_.source.value, section.name);
      if (table != nullptr && table->is_object()) spec_.settings[section.name] = *table;
    }
    for (const auto& path : spec_.doubtful)
      erase_path(spec_.settings, path);
    take_report(everything);
    // Another component would have other rules.
    const bool knows_components =
        std::none_of(spec_.doubtful.begin(), spec_.doubtful.end(),
                     [](const std::string& path) { return path.ends_with(".use"); });
    spec_.is_plannable = knows_components && sweep.has_points();
  }

 private:
  void apply(const std::string& set, const Keys& keys) {
    const Place place{"--set " + set, 0, 0, 0};
    const size_t equals = set.find('=');
    if (equals == std::string::npos || equals == 0 || !is_valid_utf8(set)) {
      problems_.add(place, code::kSet, "--set takes path=value, such as train.seed=2");
      return;
    }
    const std::string key(trim(set.substr(0, equals)));
    const Value value = typed_value(std::string(trim(set.substr(equals + 1))));
    const bool plain =
        std::find(plain_keys().begin(), plain_keys().end(), key) != plain_keys().end();
    if (plain || key.starts_with("report.")) {
      spec_.source.assign(key, value, place);
      return;
    }
    const std::string path = keys.resolve(key, place);
    if (path.empty()) {
      spec_.doubtful.insert(keys.resolve_quietly(problems_.all().back().suggestion));
      return;
    }
    spec_.source.assign(path, value, place);
    spec_.source.fixed.insert(path);
  }

  void check_top() {
    const Value& root = spec_.source.value;
    for (const auto& [key, value] : root.items())
      check_top_key(key, value);
    const auto version = root.find("schema");
    if (version != root.end() && *version != 1) {
      problems_.add(spec_.source.value_place("schema"), code::kSchemaVersion,
                    fmt::format("'schema' is {}; this xp reads 1", show(*version)));
    }
    take_name();
    if (root.contains("description")) {
      if (root["description"].is_string()) {
        spec_.description = root["description"];
      } else {
        problems_.add(
            spec_.source.value_place("description"), code::kWrongType,
            fmt::format("'description' must be a string, not {}", show(root["description"])));
      }
    }
    check_plugins();
  }

  void check_top_key(const std::string& key, const Value& value) {
    const auto sections = section_names();
    const auto has = [&key](const auto& names) {
      return std::find(names.begin(), names.end(), key) != names.end();
    };
    const Place place = spec_.source.place_of(place_key({key}));
    if (has(plain_keys())) return;
    if (has(sections)) {
      if (value.is_object()) return;
      spec_.doubtful.insert(key);
      problems_.add(place, code::kWrongType,
                    fmt::format("'{}' must be a table, not {}", key, show(value)));
    } else if (value.is_object()) {
      const std::string near = nearest(key, sections);
      if (!near.empty()) spec_.doubtful.insert(near);
      problems_.add(place, code::kUnknownSection, fmt::format("unknown section [{}]", key), near);
    } else {
      const std::string setting = setting_of_fairseq(key);
      if (!setting.empty()) spec_.doubtful.insert(setting);
      problems_.add(place, code::kUnknownKey, fmt::format("unknown key '{}'", key),
                    setting.empty() ? nearest(key, plain_keys()) : setting);
    }
  }

  void take_name() {
    const Value& root = spec_.source.value;
    if (!root.contains("name")) {
      problems_.add(Place{spec_.file, 0, 0, 0}, code::kMissing,
                    "an experiment needs a name: name = \"...\"");
      return;
    }
    const Place place = spec_.source.value_place("name");
    if (!root["name"].is_string()) {
      problems_.add(place, code::kWrongType,
                    fmt::format("'name' must be a string, not {}", show(root["name"])));
      return;
    }
    spec_.name = root["name"];
    const bool usable = !spec_.name.empty() && spec_.name.size() <= 100 && spec_.name[0] != '.' &&
                        std::all_of(spec_.name.begin(), spec_.name.end(), [](unsigned char c) {
                          return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
                        });
    if (usable) return;
    problems_.add(place, code::kName,
                  fmt::format("'name' is {}; it names a folder, so it may have letters, digits, "
                              "'_', '-' and '.', up to 100",
                              show(root["name"])));
  }

  // The plug-ins themselves are loaded before the catalog is known: see plugin_names.
  void check_plugins() {
    const Value* load = find_path(spec_.source.value, "plugins.load");
    const Value* table = find_path(spec_.source.value, "plugins");
    if (table != nullptr && table->is_object()) {
      for (const auto& [key, value] : table->items()) {
        if (key == "load") continue;
        problems_.add(spec_.source.place_of("plugins." + place_key({key})), code::kUnknownKey,
                      fmt::format("unknown key '{}' in [plugins]", key),
                      nearest(key, std::vector<std::string>{"load"}));
      }
    }
    if (load == nullptr) return;
    const bool texts = load->is_array() && std::all_of(load->begin(), load->end(),
                                                       [](auto& v) { return v.is_string(); });
    if (texts) return;
    problems_.add(
        spec_.source.value_place("plugins.load"), code::kWrongType,
        fmt::format("'load' in [plugins] must be a list of strings, not {}", show(*load)));
  }

  // Rows and pivot name settings, columns name measures.
  void take_report(const Schema& everything) {
    Value& report = spec_.report = Value::object();
    for (const auto& setting : catalog_.section("report").settings)
      report[setting.name] = setting.fallback;
    const auto written = spec_.settings.find("report");
    if (written != spec_.settings.end()) report.update(*written);
    const Undeclared undeclared{catalog_, everything, *spec_.schema};
    const Keys keys(*spec_.schema, problems_, spec_.sweep.keys(), &undeclared);
    for (size_t i = 0; i < report["rows"].size(); ++i)
      resolve_report_key(report["rows"][i], fmt::format("report.rows[{}]", i), keys);
    const Value* columns = find_path(spec_.settings, "report.columns");
    for (size_t i = 0; columns != nullptr && i < columns->size(); ++i) {
      const std::string at = fmt::format("report.columns[{}]", i);
      const auto [score, group] = grouped_score((*columns)[i]);
      check_column(score, at);
      if (group != "") check_group(group, at);
    }
    if (report["pivot"] != "") resolve_report_key(report["pivot"], "report.pivot", keys);
    spec_.report_where = report_condition("where", keys);
    spec_.report_baseline = report_condition("baseline", keys);
  }

  void resolve_report_key(Value& key, const std::string& at, const Keys& keys) {
    key = keys.resolve(key, spec_.source.value_place(at));
  }

  // A metric of a plug-in may give scores of other names than its own, which only evaluations
  // know: if there is one, any name may be a score.
  void check_column(const std::string& column, const std::string& at) {
    std::vector<std::string> known = catalog_.names("metric");
    const bool has_foreign = std::any_of(known.begin(), known.end(), [&](const auto& name) {
      return !catalog_.find("metric", name)->file.starts_with("plugins/");
    });
    // Those of the experiment, and what else they score: "length_error" of "length".
    const auto listed = spec_.schema->names_below(names_with_tables("eval.metric").tables);
    known.insert(known.end(), listed.begin(), listed.end());
    const auto score = [&](const std::string& name) -> std::optional<Measure> {
      const bool is_listed = std::any_of(listed.begin(), listed.end(), [&](const auto& metric) {
        return name == metric || name.starts_with(metric + "_");
      });
      if (!is_listed && catalog_.find("metric", name) == nullptr) return std::nullopt;
      return Measure{.key = name, .label = name, .unit = "", .meaning = ""};
    };
    if (has_foreign || find_measure(column, score)) return;
    for (const Measure& measure : declared_measures())
      known.push_back(measure.key);
    problems_.add(spec_.source.value_place(at), code::kUnknownColumn,
                  fmt::format("'{}' in [report] columns is neither a measure nor a score; "
                              "`xp help columns` lists them",
                              column),
                  nearest(column, known));
  }

  void check_group(const std::string& group, const std::string& at) {
    const auto groups = spec_.report["groups"].get<std::vector<std::string>>();
    if (directions_of_group(group, groups)) return;
    problems_.add(spec_.source.value_place(at), code::kUnknownColumn,
                  fmt::format("no group of directions named '{}' in 'groups' of [report]; en-x, "
                              "x-en and en-de need none",
                              group),
                  nearest(group, group_names(groups)));
  }

  std::optional<Condition> report_condition(const std::string& name, const Keys& keys) {
    const std::string text = spec_.report[name];
    if (text.empty()) return std::nullopt;
    return read_condition(text, spec_.source.value_place("report." + name), keys, problems_);
  }

  const Catalog& catalog_;
  Spec& spec_;
  Problems& problems_;
};

}  // namespace

bool Spec::is_doubtful(const std::string& path) const {
  return std::any_of(doubtful.begin(), doubtful.end(), [&path](const std::string& at) {
    return path == at || path.starts_with(at + ".");
  });
}

Place Spec::place_of(const std::vector<std::string>& paths) const {
  for (const auto& path : paths) {
    for (const auto& axis : sweep.axes) {
      if (std::find(axis.keys.begin(), axis.keys.end(), path) != axis.keys.end()) return axis.place;
    }
  }
  for (const auto& path : paths) {
    if (source.keys.contains(path)) return source.place_of(path);
  }
  return source.place_of("");
}

Spec load_spec(const std::string& file, Source source, const std::vector<std::string>& sets,
               const Catalog& catalog, Problems& problems) {
  Spec spec;
  spec.file = file;
  spec.source = std::move(source);
  Loader(catalog, spec, problems).load(sets);
  return spec;
}

Spec load_spec(const std::string& file, const std::vector<std::string>& sets,
               const Catalog& catalog, Problems& problems) {
  Source source = read_source(file, problems);
  if (problems.empty()) return load_spec(file, std::move(source), sets, catalog, problems);
  Spec spec;
  spec.file = file;
  return spec;
}

}  // namespace xp
