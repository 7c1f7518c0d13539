// All components and sections as data, for checks, plans and help.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xp {

/// A section of the experiment file, which registry/sections.h declares. `kind` is the kind of
/// component that its `use` picks, or empty.
struct SectionRule {
  const char* name;
  const char* kind;
};

/// The sections in the order in which a key's tail is looked up.
inline constexpr SectionRule kSections[] = {{"model", "model"},   {"train", ""},
                                            {"corpus", "corpus"}, {"launch", "launcher"},
                                            {"eval", ""},         {"report", ""}};

/// Settings whose texts name components.
struct NamesOf {
  const char* path;
  const char* kind;
  const char* other = "";   ///< a value that is no component
  const char* tables = "";  ///< of the components' settings, by name (Type::kNamed); "" = none
};
inline constexpr NamesOf kNamesOf[] = {{"eval.metrics", "metric", "", "eval.metric"},
                                       {"report.format", "renderer"},
                                       {"train.best_metric", "metric", "perplexity"}};

/// The list whose names have their tables at this path. Raises kBug if there is none.
const NamesOf& names_with_tables(std::string_view tables);

class Catalog {
 public:
  /// Later declarations replace earlier ones of the same kind and name.
  explicit Catalog(std::vector<Declaration> declarations);

  /// The components linked into this program, without those of plug-ins.
  static Catalog of_this_program();

  /// The components that the build wrote to `components.json`, replaced by those linked into this
  /// program. Raises kMachine if the file is damaged; a missing one counts as empty.
  static Catalog of_build(const std::filesystem::path& components);

  /// nullptr if there is none.
  const Declaration* find(const std::string& kind, const std::string& name) const;

  /// What a section declares. Raises kBug if there is no such section.
  const Declaration& section(const std::string& name) const;

  /// The component that a section's `use` picks if the file names none; "" if it must name one, or
  /// picks none.
  std::string default_component(const SectionRule& section) const;

  /// The names of one kind, sorted.
  std::vector<std::string> names(const std::string& kind) const;

  /// By kind and name.
  const std::map<std::pair<std::string, std::string>, Declaration>& all() const {
    return declarations_;
  }

 private:
  std::map<std::pair<std::string, std::string>, Declaration> declarations_;
};

}  // namespace xp
