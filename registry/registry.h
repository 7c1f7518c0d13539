// The registry of components. A component registers itself with a static entry:
//
//   XP_REGISTER(Router, Top2, "top2", "two experts per token, GShard load-balancing loss");
//
// in one file below plugins/KIND/; nothing else is edited. The kinds are the interfaces in this
// folder.
#pragma once

#include "registry/relations.h"
#include "registry/settings.h"

#include <memory>
#include <string>
#include <vector>

// xp_add_plugin defines XP_PLUGIN: this file is part of a plug-in, which gets a build stamp.
#ifdef XP_PLUGIN
#include "registry/plugin_stamp.h"
XP_STAMP_NOTE;
#define XP_IS_PLUGIN true
#else
#define XP_IS_PLUGIN false
#endif

namespace xp {

/// A component or section as data: what `xp components` shows and all checks use.
struct Declaration {
  std::string kind;     ///< "router", ...; "section" for a table of the experiment file
  std::string name;     ///< "top2"; for a section its path: "train"
  std::string summary;  ///< one sentence
  std::string file;     ///< the source file, relative to the root of the repository
  std::vector<Setting> settings;
  Value presets =
      Value::object();         ///< name -> {setting: value}: defaults picked by the key `preset`
  Scope scope = Scope::kNone;  ///< sections: what their settings change
  std::vector<Rule> rules = {};
  std::vector<Figure> figures = {};
  std::vector<EvaluationSetting> evaluation = {};
  std::vector<PredecessorOption> predecessor = {};
  /// Version of the component's behaviour: `static constexpr const char* kVersion = "2";` in its
  /// Config. The ids of runs that use the component depend on it. Components of this repository
  /// have none; their settings describe them.
  std::string version = {};
};

/// The declared setting `name`; nullptr if there is none.
const Setting* find_setting(const Declaration& declaration, const std::string& name);

/// The value of the figure `name` by the component's own settings: those in `table`, else their
/// defaults. Null if it is not declared or depends on anything else.
Value figure_of(const Declaration& declaration, const std::string& name, const Value& table);

/// The figures that planning asks for (kPlannedFigures) and the component does not declare.
std::vector<PlannedFigure> missing_figures(const Declaration& declaration, const Value& table);

/// The name of a component in run ids: `name`, or `name@version` if it has a version.
std::string versioned_name(const Declaration& declaration);

Value to_json(const Declaration& declaration);
Declaration declaration_from_json(const Value& value);

/// The untyped part of an entry. Entries are static objects that link themselves into a list, so
/// registering neither allocates nor throws, and its order does not matter.
struct AnyEntry {
  AnyEntry(const char* kind_name, const char* part_name, const char* part_summary,
           const char* source_file, bool of_plugin, Declaration (*describe_part)(const AnyEntry&));
  const char* kind;
  const char* name;
  const char* summary;
  const char* file;
  bool is_of_plugin;  ///< registered by a plug-in (registry/plugin.h)
  Declaration (*describe)(const AnyEntry&);
  const AnyEntry* next;
};

/// The entry of a component of the interface `Kind`, which has `static constexpr const char*
/// kKind`.
template <class Kind>
struct Entry : AnyEntry {
  using Make = std::unique_ptr<Kind> (*)(const Value& settings);
  Entry(const char* part_name, const char* part_summary, const char* source_file, bool of_plugin,
        Declaration (*describe_part)(const AnyEntry&), Make make_part)
      : AnyEntry(Kind::kKind, part_name, part_summary, source_file, of_plugin, describe_part),
        make(make_part) {}
  Make make;
};

/// All entries so far, the latest first.
std::vector<const AnyEntry*> registered_entries();

/// All entries, sorted by kind and name. Raises kBug, naming both files, if two share a name.
std::vector<const AnyEntry*> entries();

/// The component `name` of `kind`. Raises kUser if there is none: `no router named 'topp2', did you
/// mean 'top2'? known: top1, top2`.
const AnyEntry& find_entry(const std::string& kind, const std::string& name);

/// Makes the component that a table picks by its key `use`, with the table's settings. Raises
/// kUser.
template <class Kind>
std::unique_ptr<Kind> make_part(const Value& table) {
  const AnyEntry& entry = find_entry(Kind::kKind, table.value("use", ""));
  return static_cast<const Entry<Kind>&>(entry).make(table);
}

template <class Config>
Value presets_of() {
  if constexpr (requires { Config::presets(); })
    return Config::presets();
  else
    return Value::object();
}

template <class Config>
Declaration describe_config(const AnyEntry& entry) {
  Declaration out{
      entry.kind,           entry.name,  entry.summary, entry.file, settings_of<Config>(),
      presets_of<Config>(), Scope::kNone};
  if constexpr (requires { Config::kScope; }) out.scope = Config::kScope;
  if constexpr (requires { Config::rules(); }) out.rules = Config::rules();
  if constexpr (requires { Config::figures(); }) out.figures = Config::figures();
  if constexpr (requires { Config::evaluation(); }) out.evaluation = Config::evaluation();
  if constexpr (requires { Config::predecessor(); }) out.predecessor = Config::predecessor();
  // Assigned from a literal, GCC 12 warns of a copy that overlaps (its bug 105651).
  if constexpr (requires { Config::kVersion; }) out.version = std::string(Config::kVersion);
  return out;
}

/// `Part` has a nested `Config` and a constructor from it.
#define XP_REGISTER(Kind, Part, name, summary)                                      \
  static const ::xp::Entry<Kind> xp_entry_of_##Part(                                \
      name, summary, __FILE__, XP_IS_PLUGIN, &::xp::describe_config<Part::Config>,  \
      [](const ::xp::Value& settings) -> std::unique_ptr<Kind> {                    \
        return std::make_unique<Part>(::xp::bind_settings<Part::Config>(settings)); \
      })

/// Registers a section of the experiment file. `Config` has `static constexpr Scope kScope`.
#define XP_SECTION(Config, path, summary)                                                \
  static const ::xp::AnyEntry xp_section_of_##Config("section", path, summary, __FILE__, \
                                                     XP_IS_PLUGIN, &::xp::describe_config<Config>)

}  // namespace xp
