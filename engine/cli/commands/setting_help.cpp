// One block for each declaration of a path.
#include "engine/cli/commands/setting_help.h"

#include "engine/base/text.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/experiment/fairseq_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

const Declaration* declaration_of(const Catalog& catalog, const Setting* setting) {
  for (const auto& [key, part] : catalog.all()) {
    const bool has_it = std::any_of(part.settings.begin(), part.settings.end(),
                                    [&](const Setting& one) { return &one == setting; });
    if (has_it) return &part;
  }
  return nullptr;
}

std::string_view consequence(Scope scope) {
  switch (scope) {
    case Scope::kCorpus:
      return "prepares the corpus, trains and evaluates again";
    case Scope::kContent:
      return "prepares the corpus again if the named files have other content";
    case Scope::kTrain:
      return "trains and evaluates again";
    case Scope::kEval:
      return "evaluates again";
    case Scope::kSpeed:
    case Scope::kNone:
    case Scope::kInherit:
      break;
  }
  return "repeats nothing that is done";
}

std::string block(const Catalog& catalog, const std::string& path, const Setting& setting) {
  const Declaration* part = declaration_of(catalog, &setting);
  const Scope scope = setting.scope == Scope::kInherit
                          ? catalog.section(path.substr(0, path.find('.'))).scope
                          : setting.scope;
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const char* name, std::string text) {
    if (!text.empty()) rows.push_back({std::string("  ") + name, std::move(text)});
  };
  add("meaning", setting.sentence);
  add("default", setting.fallback.is_null() ? "" : show(setting.fallback));
  add("type", setting.component.empty() ? std::string(type_name(setting.type))
                                        : "the name of a component of kind " + setting.component);
  add("limits", limits_of(setting));
  add("change", std::string(consequence(scope)));
  if (part != nullptr) add("of", fmt::format("{} {}, {}", part->kind, part->name, part->file));
  return path + "\n" + text_table(rows);
}

}  // namespace

std::string limits_of(const Setting& setting) {
  const Limit& limit = setting.limit;
  std::string out;
  if (!limit.choices.empty()) return join(limit.choices, " | ");
  if (limit.low_open) {
    out = fmt::format("> {}", limit.low);
  } else if (std::isfinite(limit.low)) {
    out = fmt::format(">= {}", limit.low);
  }
  if (std::isfinite(limit.high)) out += fmt::format("{}<= {}", out.empty() ? "" : ", ", limit.high);
  if (!limit.unit.empty()) out += (out.empty() ? "" : " ") + limit.unit;
  return out;
}

std::string setting_help(const Catalog& catalog, const std::string& key) {
  const Schema everything = Schema::of_everything(catalog);
  std::string out;
  Matches paths = everything.match(fairseq_name(key));  // "--max-tokens" is max_tokens
  if (paths.empty()) {
    std::string path = everything.replacing(key);
    if (path.empty()) path = setting_of_fairseq(key);
    if (path.empty()) return "";
    out = fmt::format("{} of fairseq is {} here\n\n", key, path);
    paths = {std::move(path)};
  }
  for (const auto& path : paths) {
    if (const auto* found = everything.find(path)) {
      for (const Setting* setting : *found)
        out += block(catalog, path, *setting);
    }
  }
  return out;
}

std::vector<std::string> setting_paths(const Catalog& catalog) {
  return Schema::of_everything(catalog).paths();
}

}  // namespace xp
