// The resolved settings of points. Points share equal sections: those that differ only in their
// seed have one [model] in memory.
#pragma once

#include "engine/experiment/resolve.h"
#include "engine/experiment/sweep.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace xp {

/// One section as all points hold it that have it equal.
struct SharedSection {
  explicit SharedSection(Section section);
  /// `base` with other values, by full path, of settings that it has.
  SharedSection(const SharedSection& base, const std::map<std::string, Value>& changes);
  Value table;
  /// Pieces of the canonical texts that ids are hashes of: `"path":value` joined by commas.
  std::string corpus, training, evaluation;
  std::map<std::string, Scope> no_id;  ///< as in Section
  std::set<std::string> unused;        ///< as in Section
};

/// The sections of one point.
class Settings {
 public:
  using Sections = std::array<std::shared_ptr<const SharedSection>, kPointSections.size()>;

  Settings() = default;
  explicit Settings(Sections sections) : sections_(std::move(sections)) {}
  /// Sections that are not named are empty.
  explicit Settings(const std::map<std::string, Section>& sections);

  /// The table of a section.
  const Value& at(std::string_view section) const;
  /// The value at a full path, or nullptr.
  const Value* find(std::string_view path) const;
  /// Whether the setting at a full path changes nothing at this point, whatever its value.
  bool is_unused(const std::string& path) const;
  /// Why no id depends on the value at a full path: kContent, kSpeed or kNone; nothing if one does.
  std::optional<Scope> no_id(const std::string& path) const;
  /// All tables in one value.
  Value whole() const;

  const Sections& sections() const { return sections_; }
  /// The section of this name, or nullptr. Points with equal sections have the same one.
  const SharedSection* section(std::string_view name) const;

 private:
  Sections sections_;
};

inline const Value* find_path(const Settings& settings, std::string_view path) {
  return settings.find(path);
}

/// Resolves each section once for each distinct choice of the axes that change it: those that reach
/// into it with a setting of the components that it picks.
class SectionPool {
 public:
  /// `written` holds the sections' tables without the axes.
  SectionPool(const Catalog& catalog, const Value& written, const Sweep& sweep);

  Settings settings(const Combination& combination);

  /// Equal numbers in every section, equal ids.
  using Identity = std::array<size_t, kPointSections.size()>;
  Identity identity(const Settings& settings) const;

 private:
  struct Pooled {
    std::shared_ptr<const SharedSection> section;
    Value exchange;           ///< of [model]: evaluation_exchange
    size_t exchange_key = 0;  ///< equal for equal exchanges
  };
  struct Base {
    std::shared_ptr<const SharedSection> section;
    DeclaredSettings settings;
  };
  /// By axis: what one of its rows adds to a section's key; 0 if it does not change the section.
  using Strides = std::vector<size_t>;

  const Pooled& pooled(size_t index, const Combination& combination, const Pooled* model);
  Strides changing(size_t index, const Value& table) const;
  Pooled resolved(size_t index, const Combination& combination, const Value& exchange);
  static std::shared_ptr<const SharedSection> changed_copy(const Base& base,
                                                           const Combination& combination);
  std::shared_ptr<const SharedSection> made(size_t index, const Combination& combination,
                                            const Value& exchange);

  const Catalog& catalog_;
  const Value& written_;
  const Sweep& sweep_;
  /// By section: of all axes that reach into it, and of those among them that pick components.
  std::array<Strides, kPointSections.size()> strides_, picking_;
  /// By section and the key of what is picked: of the axes that change it then.
  std::array<std::map<size_t, std::optional<Strides>>, kPointSections.size()> changing_;
  std::array<size_t, kPointSections.size()> num_keys_{};
  /// By section and the key of what is picked: the first one resolved, of which others are changed
  /// copies, which takes a fraction of the time.
  std::array<std::map<size_t, Base>, kPointSections.size()> bases_;
  std::array<std::map<std::pair<size_t, size_t>, Pooled>, kPointSections.size()> by_key_;
  /// By the hash of what they hold: texts of a thousand equal bytes are slow keys.
  std::array<std::map<std::string, Pooled>, kPointSections.size()> by_content_;
  std::map<std::string, size_t> texts_, exchange_keys_;
  std::map<const SharedSection*, size_t> identities_;
};

}  // namespace xp
