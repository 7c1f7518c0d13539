// A section is looked up by the rows of the axes that reach into it, resolved where it is new, and
// then exchanged for an equal one if there is one.
#include "engine/plan/settings.h"

#include "engine/base/error.h"

#include <algorithm>

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

std::string inside_braces(const Value& object) {
  const std::string text = object.dump();
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

Value Settings::whole() const {
  Value out = Value::object();
  for (size_t i = 0; i < sections_.size(); ++i) {
    if (sections_[i] != nullptr) out[kPointSections[i]] = sections_[i]->table;
  }
  return out;
}

SectionPool::SectionPool(const Catalog& catalog, const Value& written, const Sweep& sweep)
    : catalog_(catalog), written_(written) {
  num_keys_.fill(1);
  for (const auto& axis : sweep.axes) {
    for (size_t i = 0; i < kPointSections.size(); ++i) {
      const bool reaches = std::any_of(axis.keys.begin(), axis.keys.end(), [i](const auto& key) {
        return section_of(key) == kPointSections[i];
      });
      strides_[i].push_back(reaches ? num_keys_[i] : 0);
      if (reaches) num_keys_[i] *= axis.values.size();
    }
  }
}

// Further points come after all rows, each with a key of its own.
size_t SectionPool::key(size_t index, const Combination& combination) const {
  if (combination.rows.empty()) return num_keys_[index] + combination.point;
  size_t out = 0;
  for (size_t axis = 0; axis < combination.rows.size(); ++axis)
    out += combination.rows[axis] * strides_[index][axis];
  return out;
}

SectionPool::Pooled SectionPool::resolved(size_t index, const Assignment& values,
                                          const Value& model) {
  const std::string name = kPointSections[index];
  const auto found = written_.find(name);
  Value written = Value::object();
  if (found != written_.end()) written[name] = *found;
  for (const auto& [path, value] : values) {
    if (section_of(path) == name) set_path(written, path, value);
  }
  const auto given = written.find(name);
  Pooled out;
  out.section = std::make_shared<const SharedSection>(
      resolve_section(catalog_, name, given == written.end() ? Value() : *given, model));
  const SharedSection& made = *out.section;
  const std::string id_text = made.corpus + "\n" + made.training + "\n" + made.evaluation;
  // The table alone is not enough: what of [eval] decides ids depends on [model], too.
  const std::string content = made.table.dump() + id_text;
  const auto known = by_content_[index].find(content);
  if (known != by_content_[index].end()) return known->second;
  if (index == kModel) {
    const std::string view = seen_by_eval(catalog_, made.table).dump();
    out.eval_view = eval_views_.emplace(view, eval_views_.size()).first->second;
  }
  identities_[out.section.get()] = texts_.emplace(id_text, texts_.size()).first->second;
  return by_content_[index].emplace(content, out).first->second;
}

const SectionPool::Pooled& SectionPool::pooled(size_t index, const Combination& combination,
                                               const Pooled* model) {
  static const Value kNone;
  const std::pair<size_t, size_t> at = {key(index, combination),
                                        model == nullptr ? 0 : model->eval_view};
  const auto known = by_key_[index].find(at);
  if (known != by_key_[index].end()) return known->second;
  const Value& table = model == nullptr ? kNone : model->section->table;
  return by_key_[index].emplace(at, resolved(index, combination.values, table)).first->second;
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
