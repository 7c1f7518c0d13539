// A section is looked up by the rows of the axes that reach into it, resolved where it is new, and
// then exchanged for an equal one if there is one.
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

Settings::Settings(const std::map<std::string, Section>& sections) {
  for (const auto& [name, section] : sections)
    sections_.at(index_of(name)) = std::make_shared<const SharedSection>(section);
}

const Value& Settings::at(std::string_view section) const {
  const size_t index = index_of(section);
  const bool is_there = index < sections_.size() && sections_[index] != nullptr;
  return is_there ? sections_[index]->table : empty_section().table;
}

const Value* Settings::find(std::string_view path) const {
  const std::string_view section = section_of(path);
  if (index_of(section) == kPointSections.size() || section.size() == path.size()) return nullptr;
  return find_path(at(section), path.substr(section.size() + 1));
}

bool Settings::is_unused(const std::string& path) const {
  const size_t index = index_of(section_of(path));
  return index < sections_.size() && sections_[index] != nullptr &&
         sections_[index]->unused.contains(path);
}

std::optional<Scope> Settings::no_id(const std::string& path) const {
  const size_t index = index_of(section_of(path));
  if (index == sections_.size() || sections_[index] == nullptr) return std::nullopt;
  const auto& paths = sections_[index]->no_id;
  const auto found = paths.find(path);
  return found == paths.end() ? std::nullopt : std::optional(found->second);
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
        picks = picks || (is_here && key.ends_with(".use"));
      }
      strides_[i].push_back(reaches ? num_keys_[i] : 0);
      picking_[i].push_back(picks ? num_keys_[i] : 0);
      if (reaches) num_keys_[i] *= axis.values.size();
    }
  }
}

// Of the axes that reach into a section, those with a setting that `table`'s components have.
SectionPool::Strides SectionPool::changing(size_t index, const Value& table) const {
  const auto declared = declared_paths(catalog_, kPointSections[index], table);
  Strides out = strides_[index];
  for (size_t axis = 0; axis < out.size(); ++axis) {
    const auto& keys = sweep_.axes[axis].keys;
    if (std::none_of(keys.begin(), keys.end(), [&](auto& key) { return declared.contains(key); }))
      out[axis] = 0;
  }
  return out;
}

SectionPool::Pooled SectionPool::resolved(size_t index, const Combination& combination,
                                          const Value& model) {
  const std::string name = kPointSections[index];
  const auto found = written_.find(name);
  Value written = Value::object();
  if (found != written_.end()) written[name] = *found;
  for (const auto& [path, value] : combination.values) {
    if (section_of(path) == name) set_path(written, path, value);
  }
  const auto given = written.find(name);
  Pooled out;
  out.section = std::make_shared<const SharedSection>(
      resolve_section(catalog_, name, given == written.end() ? Value() : *given, model));
  const SharedSection& made = *out.section;
  if (index == kModel) {
    const std::string view = seen_by_eval(catalog_, made.table).dump();
    out.eval_view = eval_views_.emplace(view, eval_views_.size()).first->second;
  }
  const std::string id_text = made.corpus + "\n" + made.training + "\n" + made.evaluation;
  // Rows that change a section seldom make it equal to another one; further points and models do.
  if (combination.rows.empty() || index == kEval) {
    // The table alone is not enough: what of [eval] decides ids depends on [model], too.
    const auto [known, is_new] =
        by_content_[index].try_emplace(sha256(canonical_text(made.table) + id_text), out);
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
                          model == nullptr ? 0 : model->eval_view);
  };
  if (strides) {
    const auto known = by_key_[index].find(key());
    if (known != by_key_[index].end()) return known->second;
  }
  const Value& table = model == nullptr ? kNone : model->section->table;
  Pooled made = resolved(index, combination, table);
  if (!strides) strides = changing(index, made.section->table);
  return by_key_[index].emplace(key(), std::move(made)).first->second;
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
