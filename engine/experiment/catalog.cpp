// Declarations from the linked parts and from the file that the build wrote.
#include "engine/experiment/catalog.h"

#include "engine/base/file.h"

#include <algorithm>

namespace xp {
namespace {

std::vector<Declaration> registered() {
  std::vector<Declaration> out;
  for (const AnyEntry* entry : entries()) {
    if (!entry->is_of_plugin) out.push_back(entry->describe(*entry));
  }
  return out;
}

}  // namespace

const NamesOf& names_with_tables(std::string_view tables) {
  const auto* found = std::find_if(std::begin(kNamesOf), std::end(kNamesOf),
                                   [&](const NamesOf& list) { return tables == list.tables; });
  check(found != std::end(kNamesOf), "tables by name belong to a list of names");
  return *found;
}

Catalog::Catalog(std::vector<Declaration> declarations) {
  for (auto& declaration : declarations) {
    auto key = std::make_pair(declaration.kind, declaration.name);
    declarations_.insert_or_assign(std::move(key), std::move(declaration));
  }
}

Catalog Catalog::of_this_program() {
  return Catalog(registered());
}

Catalog Catalog::of_build(const std::filesystem::path& components) {
  std::vector<Declaration> all;
  if (std::filesystem::exists(components)) {
    try {
      const Value file = Value::parse(read_file(components));
      for (const auto& declaration : file.at("declarations"))
        all.push_back(declaration_from_json(declaration));
    } catch (const Value::exception&) {
      machine_error("'{}' is damaged; build again", components.string());
    }
  }
  for (auto& declaration : registered())
    all.push_back(std::move(declaration));
  return Catalog(std::move(all));
}

const Declaration* Catalog::find(const std::string& kind, const std::string& name) const {
  const auto found = declarations_.find({kind, name});
  return found == declarations_.end() ? nullptr : &found->second;
}

const Declaration& Catalog::section(const std::string& name) const {
  const Declaration* found = find("section", name);
  check(found != nullptr, "every section is declared");
  return *found;
}

std::string Catalog::default_component(const SectionRule& section) const {
  if (*section.kind == '\0') return "";
  const Setting* use = find_setting(this->section(section.name), "use");
  check(use != nullptr, "a section that picks a component declares 'use'");
  return use->fallback;
}

std::vector<std::string> Catalog::names(const std::string& kind) const {
  std::vector<std::string> out;
  for (auto at = declarations_.lower_bound({kind, ""});
       at != declarations_.end() && at->first.first == kind; ++at) {
    out.push_back(at->first.second);
  }
  return out;
}

}  // namespace xp
