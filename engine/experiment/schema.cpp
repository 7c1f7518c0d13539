// Walks the declarations from the sections down.
#include "engine/experiment/schema.h"

#include "engine/base/text.h"

#include <algorithm>

namespace xp {
namespace {

std::string_view without_use(std::string_view path) {
  constexpr std::string_view kUse = ".use";
  return path.ends_with(kUse) ? path.substr(0, path.size() - kUse.size()) : path;
}

bool ends_in(std::string_view path, std::string_view tail) {
  if (path == tail) return true;
  return path.size() > tail.size() && path.ends_with(tail) &&
         path[path.size() - tail.size() - 1] == '.';
}

}  // namespace

bool has_tail(std::string_view path, std::string_view tail) {
  return ends_in(path, tail) || ends_in(without_use(path), tail);
}

std::string short_name(const std::string& path, const std::vector<std::string>& among) {
  const std::string whole(without_use(path));
  const auto parts = path_parts(whole);
  std::string tail;
  for (size_t i = parts.size(); i-- > 0;) {
    tail = tail.empty() ? parts[i] : parts[i] + "." + tail;
    const auto same = std::count_if(among.begin(), among.end(), [&](const std::string& other) {
      return other != path && has_tail(other, tail);
    });
    if (same == 0) return tail;
  }
  return whole;
}

Schema::Schema(const Catalog& catalog, Uses uses, bool everything)
    : catalog_(catalog), uses_(std::move(uses)), everything_(everything) {
  for (const auto& section : kSections) {
    add_table(section.name);
    const Declaration* shared = catalog_.find("section", section.name);
    if (shared != nullptr) add_settings(*shared, section.name, *section.kind != '\0');
    if (*section.kind == '\0') continue;
    Setting picked;
    picked.fallback = section.fallback;
    picked.component = section.kind;
    add_component(picked, section.name);
  }
}

void Schema::add_table(const std::string& path) {
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1))
    tables_.insert(path.substr(0, dot));
  tables_.insert(path);
}

void Schema::add_component(const Setting& picked, const std::string& path) {
  add_table(path);
  if (settings_.contains(path + ".use")) return;  // declared by two components: one table
  Setting& use = own_.emplace_back();
  use.name = "use";
  use.fallback = picked.fallback;
  use.component = picked.component;
  use.sentence = "the component: one of kind `" + picked.component + "`";
  settings_[path + ".use"].push_back(&use);

  std::vector<std::string> names;
  const auto chosen = uses_.find(path);
  // A launcher changes no result, so its keys may stay in the file while another one is picked.
  const bool must_choose = picked.fallback == "" && chosen == uses_.end();
  if (everything_ || must_choose || picked.component == "launcher") {
    names = catalog_.names(picked.component);
  } else if (chosen != uses_.end()) {
    names.assign(chosen->second.begin(), chosen->second.end());
  } else {
    names.push_back(picked.fallback.get<std::string>());
  }
  picked_[path] = names;
  for (const auto& name : names) {
    const Declaration* part = catalog_.find(picked.component, name);
    if (part == nullptr) {
      open_.insert(path);
    } else {
      add_settings(*part, path, true);
    }
  }
}

void Schema::add_settings(const Declaration& part, const std::string& path, bool skip_use) {
  for (const auto& setting : part.settings) {
    if (skip_use && setting.name == "use") continue;
    const std::string at = path + "." + setting.name;
    if (setting.type == Type::kComponent) {
      add_component(setting, at);
      continue;
    }
    settings_[at].push_back(&setting);
    add_table(at.substr(0, at.rfind('.')));
  }
  if (part.presets.empty() || settings_.contains(path + ".preset")) return;
  Setting& preset = own_.emplace_back();
  preset.name = "preset";
  preset.sentence = "a set of defaults";
  for (const auto& [name, values] : part.presets.items())
    preset.limit.choices.push_back(name);
  settings_[path + ".preset"].push_back(&preset);
}

const std::vector<const Setting*>* Schema::find(const std::string& path) const {
  const auto found = settings_.find(path);
  return found == settings_.end() ? nullptr : &found->second;
}

std::string Schema::kind_of(const std::string& path) const {
  const auto* use = find(path + ".use");
  return use == nullptr ? "" : use->front()->component;
}

std::vector<std::string> Schema::picked_names(const std::string& path) const {
  const auto found = picked_.find(path);
  return found == picked_.end() ? std::vector<std::string>{} : found->second;
}

std::vector<std::string> Schema::names_below(const std::string& path) const {
  std::set<std::string> out;
  const auto collect = [&out, &path](const std::string& known) {
    if (!known.starts_with(path + ".")) return;
    const std::string rest = known.substr(path.size() + 1);
    out.insert(rest.substr(0, rest.find('.')));
  };
  for (const auto& [known, settings] : settings_)
    collect(known);
  return {out.begin(), out.end()};
}

Matches Schema::match(std::string_view tail) const {
  for (const auto& section : kSections) {
    if (std::string_view(section.name) == "report") continue;
    Matches found;
    const std::string prefix = std::string(section.name) + ".";
    for (auto at = settings_.lower_bound(prefix);
         at != settings_.end() && at->first.starts_with(prefix); ++at) {
      if (at->first == tail) return {at->first};
      if (has_tail(at->first, tail)) found.push_back(at->first);
    }
    if (!found.empty()) return found;
  }
  return {};
}

std::vector<std::string> Schema::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, settings] : settings_)
    out.push_back(path);
  return out;
}

}  // namespace xp
