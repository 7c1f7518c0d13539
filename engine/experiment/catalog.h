// Every component and section that there is, as data: what checks, plans and help read.
#pragma once

#include "registry/registry.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace xp {

/// A table at the top of the experiment file. `kind` is what its `use` picks, or empty; `fallback`
/// is picked where the file names nothing (empty: it has to).
struct SectionRule {
  const char* name;
  const char* kind;
  const char* fallback;
  Scope scope;  ///< what its settings change unless they say otherwise
};

/// The sections in the order in which a key's tail is looked up.
inline constexpr SectionRule kSections[] = {
    {"model", "model", "transformer", Scope::kTrain},
    {"train", "", "", Scope::kTrain},
    {"corpus", "corpus", "", Scope::kCorpus},
    {"launch", "launcher", "local", Scope::kNone},
    {"eval", "", "", Scope::kEval},
    {"report", "", "", Scope::kNone},
};

/// Settings whose texts name components, although those have no tables of their own.
struct NamesOf {
  const char* path;
  const char* kind;
};
inline constexpr NamesOf kNamesOf[] = {{"eval.metrics", "metric"}, {"report.format", "renderer"}};

class Catalog {
 public:
  /// Later declarations replace earlier ones of the same kind and name.
  explicit Catalog(std::vector<Declaration> declarations);

  /// What is linked into this program; not what plug-ins have registered.
  static Catalog of_this_program();

  /// What the build wrote down (`components.json`), with what is linked into this program on top.
  /// Raises kMachine where the file is damaged; where it is missing this program's own remain.
  static Catalog of_build(const std::filesystem::path& components);

  /// nullptr where there is none.
  const Declaration* find(const std::string& kind, const std::string& name) const;

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
