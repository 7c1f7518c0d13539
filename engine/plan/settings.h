// The resolved settings of points. Points share equal sections: those that differ only in their
// seed have one [model] in memory.
#pragma once

#include "engine/base/hash.h"
#include "engine/experiment/resolve.h"
#include "engine/experiment/sweep.h"

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// A part of the canonical text that an id is the hash of, `"path":value` joined by commas, without
/// the values of axes: `pieces[0]`, the value of axis `axes[0]`, `pieces[1]` and so on.
struct OpenText {
  std::vector<std::string> pieces;  ///< one more than `axes`; empty if the text is
  std::vector<size_t> axes;         ///< indices into SectionPattern::axes
};

/// What sections have in common that differ in nothing but the values of axes.
struct SectionPattern {
  /// `axes` are full paths of settings that the sections may differ in.
  SectionPattern(Section section, std::vector<std::string> axes);
  std::vector<std::string> axes;
  Value table;                      ///< with this pattern's own values of the axes
  std::vector<std::string> values;  ///< these, by axis, as they are in the texts; "" if in none
  OpenText corpus, training, evaluation;
  std::string texts_hash;              ///< of these three: equal for equal texts
  std::map<std::string, Scope> no_id;  ///< as in Section
  std::set<std::string> unused;        ///< as in Section
};

/// One section as all points hold it that have it equal. Of 10,000 with a value of their own for an
/// axis each keeps that value only.
class SharedSection {
 public:
  /// The section as it is in the pattern.
  explicit SharedSection(std::shared_ptr<const SectionPattern> pattern);
  /// With other values, by axis; null for those that stay. The table must have the others.
  SharedSection(std::shared_ptr<const SectionPattern> pattern, std::vector<Value> changes);
  SharedSection(const SharedSection&) = delete;

  const SectionPattern& pattern() const { return *pattern_; }
  /// Values of axes as they are in the texts, by axis: equal patterns and values, equal ids.
  const std::vector<std::string>& values() const { return values_; }
  /// Made at the first call if there are changes. Any thread may call it.
  const Value& table() const;
  /// The value at a path within the section, or nullptr.
  const Value* find(std::string_view path) const;
  /// Adds a text of the pattern with this section's values to a hash.
  void add(const OpenText& text, Sha256& hash) const;

 private:
  std::shared_ptr<const SectionPattern> pattern_;
  std::vector<Value> changes_;
  std::vector<std::string> values_;
  mutable std::once_flag is_made_;
  mutable Value table_;
};

/// The sections of one point.
class Settings {
 public:
  using Sections = std::array<std::shared_ptr<const SharedSection>, kPointSections.size()>;

  Settings() = default;
  explicit Settings(Sections sections) : sections_(std::move(sections)) {}
  /// Sections that are not named are empty.
  explicit Settings(const std::map<std::string, Section>& sections);

  /// The table of a section. For one value use `find` or `value`, which are quicker.
  const Value& at(std::string_view section) const;
  /// The value at a full path, or nullptr.
  const Value* find(std::string_view path) const;
  /// The value at a full path, or `fallback`; unlike `at` it makes no table.
  template <class T>
  T value(std::string_view path, const T& fallback) const {
    const Value* found = find(path);
    return found == nullptr ? fallback : found->get<T>();
  }
  std::string value(std::string_view path, const char* fallback) const {
    return value(path, std::string(fallback));
  }
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

  /// Equal numbers in every section, equal ids.
  using Identity = std::array<size_t, kPointSections.size()>;
  struct Resolved {
    Settings settings;
    Identity identity;
  };
  Resolved resolve(const Combination& combination);

 private:
  struct Pooled {
    std::shared_ptr<const SharedSection> section;
    size_t identity = 0;      ///< equal for sections with equal texts of ids
    Value exchange;           ///< of [model]: evaluation_exchange
    size_t exchange_key = 0;  ///< equal for equal exchanges
  };
  struct Pattern {
    std::shared_ptr<const SectionPattern> pattern;
    std::vector<const Setting*> may_change;  ///< by axis; nullptr for those that do not
    bool has_all = true;                     ///< whether its table has all that may change
  };
  /// By axis: what one of its rows adds to a section's key; 0 if it does not change the section.
  using Strides = std::vector<size_t>;

  const Pooled& pooled(size_t index, const Combination& combination, const Pooled* model);
  Strides changing(size_t index, const Value& table) const;
  Pooled resolved(size_t index, const Combination& combination, const Value& exchange);
  std::shared_ptr<const SectionPattern> written_out(size_t index, const Combination& combination,
                                                    const Value& exchange) const;
  Pattern pattern(size_t index, std::shared_ptr<const SectionPattern> of) const;
  static std::vector<Value> changes(const Pattern& pattern, const Combination& combination);
  size_t identity(const SharedSection& section);

  const Catalog& catalog_;
  const Value& written_;
  const Sweep& sweep_;
  /// By section: of all axes that reach into it, and of those among them that pick components.
  std::array<Strides, kPointSections.size()> strides_, picking_;
  std::array<std::vector<std::string>, kPointSections.size()> axes_;  ///< paths, by section
  /// By section and the key of what is picked: of the axes that change it then.
  std::array<std::map<size_t, std::optional<Strides>>, kPointSections.size()> changing_;
  std::array<size_t, kPointSections.size()> num_keys_{};
  /// By section and the key of what is picked: of the first one resolved, which others take all
  /// from but the values of axes, in a fraction of the time.
  std::array<std::map<size_t, Pattern>, kPointSections.size()> patterns_;
  std::array<std::map<std::pair<size_t, size_t>, Pooled>, kPointSections.size()> by_key_;
  /// By the hash of what they hold: texts of a thousand equal bytes are slow keys.
  std::array<std::map<std::pair<std::string, size_t>, Pooled>, kPointSections.size()> by_content_;
  std::map<std::string, size_t> identities_, exchange_keys_;
};

}  // namespace xp
