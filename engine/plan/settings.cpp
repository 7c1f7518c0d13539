// A section is looked up by the rows of the axes that reach into it, made if it is new, and then
// replaced by an equal one if there is one.
#include "engine/plan/settings.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"

#include <algorithm>
#include <numeric>

namespace xp {
namespace {

constexpr size_t kEval = 1, kModel = 3;  // in kPointSections

std::string_view section_of(std::string_view path) {
  return path.substr(0, path.find('.'));
}

size_t index_of(std::string_view section) {
  const auto found = std::find(kPointSections.begin(), kPointSections.end(), section);
  return static_cast<size_t>(found - kPointSections.begin());
}

size_t sum(const std::vector<size_t>& rows, const std::vector<size_t>& strides) {
  return std::inner_product(rows.begin(), rows.end(), strides.begin(), size_t{0});
}

std::string inside_braces(const Value& object) {
  const std::string text = canonical_text(object);
  return text.substr(1, text.size() - 2);
}

const SharedSection& empty_section() {
  static const SharedSection empty{Section{}};
  return empty;
}

}  // namespace

SharedSection::SharedSection(Section section)
    : table(std::move(section.table)),
      corpus(inside_braces(section.corpus)),
      training(inside_braces(section.training)),
      evaluation(inside_braces(section.evaluation)),
      no_id(std::move(section.no_id)),
      unused(std::move(section.unused)) {}

SharedSection::SharedSection(const SharedSection& base, const std::map<std::string, Value>& changes)
    : SharedSection(base) {
  for (const auto& [path, value] : changes) {
    const std::string key = path.substr(path.find('.') + 1);
    const std::string old_text = canonical_text(*find_path(table, key));
    set_path(table, key, value);
    const std::string name = '"' + path + "\":";
    for (std::string* text : {&corpus, &training, &evaluation}) {
      const size_t at = text->find(name);
      if (at != std::string::npos)
        text->replace(at + name.size(), old_text.size(), canonical_text(value));
    }
  }
}

Settings::Settings(const std::map<std::string, Section>& sections) {
  for (const auto& [name, section] : sections)
    sections_.at(index_of(name)) = std::make_shared<const SharedSection>(section);
}

const SharedSection* Settings::section(std::string_view name) const {
  const size_t index = index_of(name);
  return index < sections_.size() ? sections_[index].get() : nullptr;
}

const Value& Settings::at(std::string_view name) const {
  const SharedSection* found = section(name);
  return found == nullptr ? empty_section().table : found->table;
}

const Value* Settings::find(std::string_view path) const {
  const std::string_view section = section_of(path);
  if (index_of(section) == kPointSections.size() || section.size() == path.size()) return nullptr;
  return find_path(at(section), path.substr(section.size() + 1));
}

bool Settings::is_unused(const std::string& path) const {
  const SharedSection* found = section(section_of(path));
  return found != nullptr && found->unused.contains(path);
}

std::optional<Scope> Settings::no_id(const std::string& path) const {
  const SharedSection* in = section(section_of(path));
  if (in == nullptr) return std::nullopt;
  const auto found = in->no_id.find(path);
  return found == in->no_id.end() ? std::nullopt : std::optional(found->second);
}

Value Settings::whole() const {
  Value out = Value::object();
  for (size_t i = 0; i < sections_.size(); ++i) {
    if (sections_[i] != nullptr) out[kPointSections[i]] = sections_[i]->table;
  }
  return out;
}

SectionPool::SectionPool(const Catalog& catalog, const Value& written, const Sweep& sweep)
    : catalog_(catalog), written_(written), sweep_(sweep) {
  num_keys_.fill(1);
  for (const auto& axis : sweep.axes) {
    for (size_t i = 0; i < kPointSections.size(); ++i) {
      bool reaches = false, picks = false;
      for (const auto& key : axis.keys) {
        const bool is_here = section_of(key) == kPointSections[i];
        reaches = reaches || is_here;
        picks = picks || (is_here && (key.ends_with(".use") || key.ends_with(".preset")));
      }
      strides_[i].push_back(reaches ? num_keys_[i] : 0);
      picking_[i].push_back(picks ? num_keys_[i] : 0);
      if (reaches) num_keys_[i] *= axis.values.size();
    }
  }
}

// Of the axes that reach into a section, those with a setting that `table`'s components have.
SectionPool::Strides SectionPool::changing(size_t index, const Value& table) const {
  const auto declared = declared_settings(catalog_, kPointSections[index], table);
  Strides out = strides_[index];
  for (size_t axis = 0; axis < out.size(); ++axis) {
    const auto& keys = sweep_.axes[axis].keys;
    if (std::none_of(keys.begin(), keys.end(), [&](auto& key) { return declared.contains(key); }))
      out[axis] = 0;
  }
  return out;
}

// Of the first section that picks the same; nullptr if there is none yet, or it lacks a setting
// because that has no default.
std::shared_ptr<const SharedSection> SectionPool::changed_copy(const Base& base,
                                                               const Combination& combination) {
  if (base.section == nullptr) return nullptr;
  std::map<std::string, Value> changes;
  for (const auto& [path, value] : combination.values) {
    const auto declared = base.settings.find(path);
    if (declared == base.settings.end() || declared->second == nullptr) continue;
    if (find_path(base.section->table, path.substr(path.find('.') + 1)) == nullptr) return nullptr;
    changes[path] = normal_value(*declared->second, value);
  }
  return std::make_shared<const SharedSection>(*base.section, changes);
}

std::shared_ptr<const SharedSection> SectionPool::made(size_t index, const Combination& combination,
                                                       const Value& exchange) {
  const std::string name = kPointSections[index];
  // In these a setting decides nothing but its own value.
  const bool is_plain = index != kModel && index != kEval && !combination.rows.empty();
  const size_t picked = is_plain ? sum(combination.rows, picking_[index]) : 0;
  if (is_plain) {
    if (auto copy = changed_copy(bases_[index][picked], combination)) return copy;
  }
  const auto found = written_.find(name);
  Value written = Value::object();
  if (found != written_.end()) written[name] = *found;
  for (const auto& [path, value] : combination.values) {
    if (section_of(path) == name) set_path(written, path, value);
  }
  const auto given = written.find(name);
  auto out = std::make_shared<const SharedSection>(
      resolve_section(catalog_, name, given == written.end() ? Value() : *given, exchange));
  if (is_plain) bases_[index][picked] = {out, declared_settings(catalog_, name, out->table)};
  return out;
}

SectionPool::Pooled SectionPool::resolved(size_t index, const Combination& combination,
                                          const Value& exchange) {
  Pooled out;
  out.section = made(index, combination, exchange);
  const SharedSection& section = *out.section;
  if (index == kModel) {
    out.exchange = evaluation_exchange(catalog_, section.table);
    out.exchange_key =
        exchange_keys_.emplace(canonical_text(out.exchange), exchange_keys_.size()).first->second;
  }
  const std::string id_text = section.corpus + "\n" + section.training + "\n" + section.evaluation;
  // Rows that change a section seldom make it equal to another one; further points and models do.
  if (combination.rows.empty() || index == kEval) {
    // The table alone is not enough: what of [eval] decides ids depends on [model], too.
    const auto [known, is_new] =
        by_content_[index].try_emplace(sha256(canonical_text(section.table) + id_text), out);
    if (!is_new) return known->second;
  }
  identities_[out.section.get()] = texts_.emplace(sha256(id_text), texts_.size()).first->second;
  return out;
}

const SectionPool::Pooled& SectionPool::pooled(size_t index, const Combination& combination,
                                               const Pooled* model) {
  static const Value kNone;
  constexpr size_t kFurther = SIZE_MAX;
  const auto& rows = combination.rows;
  const bool is_further = rows.empty();
  auto& strides = changing_[index][is_further ? kFurther : sum(rows, picking_[index])];
  if (is_further) strides.emplace();
  const auto key = [&] {  // further points come after all rows, each with a key of its own
    return std::make_pair(is_further ? num_keys_[index] + combination.point : sum(rows, *strides),
                          model == nullptr ? 0 : model->exchange_key);
  };
  if (strides) {
    const auto known = by_key_[index].find(key());
    if (known != by_key_[index].end()) return known->second;
  }
  Pooled fresh = resolved(index, combination, model == nullptr ? kNone : model->exchange);
  if (!strides) strides = changing(index, fresh.section->table);
  return by_key_[index].emplace(key(), std::move(fresh)).first->second;
}

Settings SectionPool::settings(const Combination& combination) {
  Settings::Sections out;
  const Pooled& model = pooled(kModel, combination, nullptr);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] =
        i == kModel ? model.section : pooled(i, combination, i == kEval ? &model : nullptr).section;
  }
  return Settings(std::move(out));
}

SectionPool::Identity SectionPool::identity(const Settings& settings) const {
  Identity out{};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = identities_.at(settings.sections()[i].get());
  return out;
}

}  // namespace xp
