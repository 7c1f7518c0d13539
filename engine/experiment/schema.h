// The keys that an experiment may use, by full path: what the components that it picks declare.
#pragma once

#include "engine/base/key_tail.h"
#include "engine/experiment/catalog.h"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// Table path -> the names that its key `use` takes somewhere in the sweep; path of tables by name
/// (NamesOf) -> the names that their list takes.
using Uses = std::map<std::string, std::set<std::string>>;

/// Adds the names that a list with tables by name has; nothing if `path` is no such list.
void add_listed(const std::string& path, const Value& list, Uses& uses);

/// The paths that the tail of a key may mean. One: found; several: ambiguous; none: unknown.
using Matches = std::vector<std::string>;

class Schema {
 public:
  /// The keys of the components in `uses`; a table that is not in it has its default component.
  Schema(const Catalog& catalog, const Uses& uses) : Schema(catalog, uses, false) {}

  /// The keys of every component in every place; of tables by name, those of `root` beside those
  /// that components give their names.
  static Schema of_everything(const Catalog& catalog, const Value& root = Value::object()) {
    return {catalog, uses_of_named_tables(root), true};
  }

  Schema(Schema&&) = default;  // not copied: it points into itself

  /// The settings that share a path, one per component that declares it; nullptr if none does.
  /// A path that ends in `.use` has one setting whose `component` is the kind.
  const std::vector<const Setting*>* find(const std::string& path) const;

  /// Whether settings lie below `path`.
  bool is_table(const std::string& path) const { return tables_.contains(path); }

  /// Whether the tables at `path` belong to the names of a list.
  bool is_named(const std::string& path) const { return named_.contains(path); }

  /// Whether the table `path` picks an unknown component, so that its keys cannot be known.
  bool is_open(const std::string& path) const { return open_.contains(path); }

  /// Whether there is any such table.
  bool is_incomplete() const { return !open_.empty(); }

  /// The kind of component that the table `path` picks, or whose settings it overrides; or "".
  std::string kind_of(const std::string& path) const;

  /// The path of the setting that was `path` in earlier experiments, or "".
  std::string renamed(const std::string& path) const;

  /// The setting that replaces an option of fairseq or fairseq-moe, or "".
  std::string replacing(std::string_view option) const;

  /// The components that `use` takes in the table `path`, or whose settings it overrides.
  std::vector<std::string> picked_names(const std::string& path) const;

  /// The names directly below a table, for suggestions.
  std::vector<std::string> names_below(const std::string& path) const;

  /// All paths that end in `tail` (or in `tail` + ".use") in the first section that has any.
  Matches match(std::string_view tail) const;

  /// All paths, for suggestions.
  std::vector<std::string> paths() const;

 private:
  Schema(const Catalog& catalog, Uses uses, bool everything);
  static Uses uses_of_named_tables(const Value& root);
  std::vector<std::string> add_use(const std::string& path, const std::string& kind,
                                   const Value& fallback);
  void add_settings(const Declaration& part, const std::string& path);
  void add_overrides(const Setting& table, const std::string& path);
  void add_named(const Setting& tables, const std::string& path);
  void add_table(const std::string& path);

  const Catalog& catalog_;
  Uses uses_;
  bool everything_;
  std::map<std::string, std::vector<const Setting*>> settings_;
  std::map<std::string, std::vector<std::string>> picked_;
  std::map<std::string, std::string> overridden_;  // table of overrides -> kind
  std::map<std::string, std::string> renamed_;     // former path -> path
  std::map<std::string, std::string> replacing_;   // declared option of the predecessor -> path
  std::set<std::string> tables_, open_, named_;
  std::deque<Setting> own_;  // what no declaration holds as it is: `use`, `preset`, overrides
};

}  // namespace xp
