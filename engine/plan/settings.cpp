// A section is looked up by the rows of the axes that reach into it, made if it is new, and then
// replaced by an equal one if there is one.
#include "engine/plan/settings.h"

#include "engine/base/error.h"

#include <algorithm>
#include <numeric>
#include <utility>

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

// Whether the value decides which settings there are.
bool picks_settings(const std::string& path) {
  const bool is_list =
      std::any_of(std::begin(kNamesOf), std::end(kNamesOf),
                  [&](const NamesOf& list) { return *list.tables != '\0' && path == list.path; });
  return is_list || path.ends_with(".use") || path.ends_with(".preset");
}

size_t sum(const std::vector<size_t>& rows, const std::vector<size_t>& strides) {
  return std::inner_product(rows.begin(), rows.end(), strides.begin(), size_t{0});
}

// A path within its section.
std::string_view below(std::string_view path) {
  return path.substr(path.find('.') + 1);
}

bool is_inside(std::string_view path, std::string_view table) {
  return path.size() > table.size() && path.starts_with(table) && path[table.size()] == '.';
}

// `flat` is path -> value; `values` takes those of axes.
OpenText open_text(const Value& flat, const std::vector<std::string>& axes,
                   std::vector<std::string>& values) {
  OpenText out;
  if (flat.empty()) return out;
  std::string piece;
  for (const auto& [path, value] : flat.items()) {
    piece += (piece.empty() && out.axes.empty() ? "" : ",") + canonical_text(path) + ":";
    const auto axis = std::find(axes.begin(), axes.end(), path);
    if (axis == axes.end()) {
      piece += canonical_text(value);
      continue;
    }
    out.pieces.push_back(std::exchange(piece, ""));
    out.axes.push_back(static_cast<size_t>(axis - axes.begin()));
    values[out.axes.back()] = canonical_text(value);
  }
  out.pieces.push_back(piece);
  return out;
}

std::string hash_of(const std::vector<const OpenText*>& texts) {
  Sha256 hash;
  for (const OpenText* text : texts) {
    for (const auto& piece : text->pieces)
      hash.add(piece).add("\n");  // no JSON text has one
    hash.add("\n");
  }
  return hash.hex();
}

}  // namespace

SectionPattern::SectionPattern(Section section, std::vector<std::string> varied)
    : axes(std::move(varied)),
      table(std::move(section.table)),
      values(axes.size()),
      corpus(open_text(section.corpus, axes, values)),
      training(open_text(section.training, axes, values)),
      evaluation(open_text(section.evaluation, axes, values)),
      texts_hash(hash_of({&corpus, &training, &evaluation})),
      no_id(std::move(section.no_id)),
      unused(std::move(section.unused)) {}

SharedSection::SharedSection(std::shared_ptr<const SectionPattern> pattern)
    : pattern_(std::move(pattern)), values_(pattern_->values) {}

SharedSection::SharedSection(std::shared_ptr<const SectionPattern> pattern,
                             std::vector<Value> changes)
    : pattern_(std::move(pattern)), changes_(std::move(changes)), values_(pattern_->values) {
  for (size_t axis = 0; axis < changes_.size(); ++axis) {
    const bool is_in_texts = !values_[axis].empty();
    if (is_in_texts && !changes_[axis].is_null()) values_[axis] = canonical_text(changes_[axis]);
  }
}

const Value& SharedSection::table() const {
  if (changes_.empty()) return pattern_->table;
  std::call_once(is_made_, [this] {
    table_ = pattern_->table;
    for (size_t axis = 0; axis < changes_.size(); ++axis) {
      if (!changes_[axis].is_null()) set_path(table_, below(pattern_->axes[axis]), changes_[axis]);
    }
  });
  return table_;
}

const Value* SharedSection::find(std::string_view path) const {
  for (size_t axis = 0; axis < changes_.size(); ++axis) {
    if (changes_[axis].is_null()) continue;
    const std::string_view changed = below(pattern_->axes[axis]);
    if (changed == path) return &changes_[axis];
    if (is_inside(changed, path) || is_inside(path, changed)) return find_path(table(), path);
  }
  return find_path(pattern_->table, path);
}

void SharedSection::add(const OpenText& text, Sha256& hash) const {
  for (size_t i = 0; i < text.pieces.size(); ++i) {
    hash.add(text.pieces[i]);
    if (i < text.axes.size()) hash.add(values_[text.axes[i]]);
  }
}

Settings::Settings(const std::map<std::string, Section>& sections) {
  for (const auto& [name, section] : sections)
    sections_.at(index_of(name)) = std::make_shared<const SharedSection>(
        std::make_shared<const SectionPattern>(section, std::vector<std::string>()));
}

const SharedSection* Settings::section(std::string_view name) const {
  const size_t index = index_of(name);
  return index < sections_.size() ? sections_[index].get() : nullptr;
}

const Value& Settings::at(std::string_view name) const {
  static const Value kNothing = Value::object();
  const SharedSection* found = section(name);
  return found == nullptr ? kNothing : found->table();
}

const Value* Settings::find(std::string_view path) const {
  const std::string_view name = section_of(path);
  const SharedSection* found = section(name);
  if (found == nullptr || name.size() == path.size()) return nullptr;
  return found->find(below(path));
}

bool Settings::is_unused(const std::string& path) const {
  const SharedSection* found = section(section_of(path));
  return found != nullptr && found->pattern().unused.contains(path);
}

std::optional<Scope> Settings::no_id(const std::string& path) const {
  const SharedSection* in = section(section_of(path));
  if (in == nullptr) return std::nullopt;
  const auto& no_id = in->pattern().no_id;
  const auto found = no_id.find(path);
  return found == no_id.end() ? std::nullopt : std::optional(found->second);
}

Value Settings::whole() const {
  Value out = Value::object();
  for (size_t i = 0; i < sections_.size(); ++i) {
    if (sections_[i] != nullptr) out[kPointSections[i]] = sections_[i]->table();
  }
  return out;
}

SectionPool::SectionPool(const Catalog& catalog, const Value& written, const Sweep& sweep)
    : catalog_(catalog), written_(written), sweep_(sweep) {
  num_keys_.fill(1);
  for (const auto& key : sweep.keys()) {
    const size_t index = index_of(section_of(key));
    if (index < axes_.size()) axes_[index].push_back(key);
  }
  for (const auto& axis : sweep.axes) {
    for (size_t i = 0; i < kPointSections.size(); ++i) {
      bool reaches = false, picks = false;
      for (const auto& key : axis.keys) {
        const bool is_here = section_of(key) == kPointSections[i];
        reaches = reaches || is_here;
        picks = picks || (is_here && picks_settings(key));
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

std::shared_ptr<const SectionPattern> SectionPool::written_out(size_t index,
                                                               const Combination& combination,
                                                               const Value& exchange) const {
  const std::string name = kPointSections[index];
  const auto found = written_.find(name);
  Value written = Value::object();
  if (found != written_.end()) written[name] = *found;
  for (const auto& [path, value] : combination.values) {
    if (section_of(path) == name) set_path(written, path, value);
  }
  const auto given = written.find(name);
  return std::make_shared<const SectionPattern>(
      resolve_section(catalog_, name, given == written.end() ? Value() : *given, exchange),
      axes_[index]);
}

SectionPool::Pattern SectionPool::pattern(size_t index,
                                          std::shared_ptr<const SectionPattern> of) const {
  Pattern out{of, {}};
  const auto declared = declared_settings(catalog_, kPointSections[index], of->table);
  for (const auto& axis : of->axes) {
    const auto found = declared.find(axis);
    out.may_change.push_back(found == declared.end() ? nullptr : found->second);
    // A setting without default may be missing.
    if (out.may_change.back() != nullptr && find_path(of->table, below(axis)) == nullptr)
      out.has_all = false;
  }
  return out;
}

size_t SectionPool::identity(const SharedSection& section) {
  std::string text = section.pattern().texts_hash;
  for (const auto& value : section.values())
    text += "\n" + value;
  return identities_.emplace(std::move(text), identities_.size()).first->second;
}

std::vector<Value> SectionPool::changes(const Pattern& pattern, const Combination& combination) {
  std::vector<Value> out;
  for (size_t axis = 0; axis < pattern.may_change.size(); ++axis) {
    const Setting* setting = pattern.may_change[axis];
    const auto given = combination.values.find(pattern.pattern->axes[axis]);
    const bool is_changed = setting != nullptr && given != combination.values.end();
    out.push_back(is_changed ? normal_value(*setting, given->second) : Value());
  }
  return out;
}

SectionPool::Pooled SectionPool::resolved(size_t index, const Combination& combination,
                                          const Value& exchange) {
  Pooled out;
  // In these a setting decides nothing but its own value.
  const bool is_plain = index != kModel && index != kEval && !combination.rows.empty();
  if (is_plain) {
    Pattern& known = patterns_[index][sum(combination.rows, picking_[index])];
    if (known.pattern == nullptr || !known.has_all) {
      known = pattern(index, written_out(index, combination, exchange));
      out.section = std::make_shared<const SharedSection>(known.pattern);
    } else {
      out.section =
          std::make_shared<const SharedSection>(known.pattern, changes(known, combination));
    }
    out.identity = identity(*out.section);
    return out;
  }
  out.section = std::make_shared<const SharedSection>(written_out(index, combination, exchange));
  out.identity = identity(*out.section);
  if (index == kModel) {
    out.exchange = evaluation_exchange(catalog_, out.section->table());
    out.exchange_key =
        exchange_keys_.emplace(canonical_text(out.exchange), exchange_keys_.size()).first->second;
  }
  // Rows that change a section seldom make it equal to another one; further points and models do.
  if (combination.rows.empty() || index == kEval) {
    // The table alone is not enough: what of [eval] decides ids depends on [model], too.
    const auto key = std::make_pair(sha256(canonical_text(out.section->table())), out.identity);
    const auto [known, is_new] = by_content_[index].try_emplace(key, out);
    if (!is_new) return known->second;
  }
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
  if (!strides) strides = changing(index, fresh.section->table());
  return by_key_[index].emplace(key(), std::move(fresh)).first->second;
}

SectionPool::Resolved SectionPool::resolve(const Combination& combination) {
  Settings::Sections sections;
  Identity identity{};
  const Pooled& model = pooled(kModel, combination, nullptr);
  for (size_t i = 0; i < sections.size(); ++i) {
    const Pooled& one = i == kModel ? model : pooled(i, combination, i == kEval ? &model : nullptr);
    sections[i] = one.section;
    identity[i] = one.identity;
  }
  return {Settings(std::move(sections)), identity};
}

}  // namespace xp
