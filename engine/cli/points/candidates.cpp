// Reads only what a place needs: files, the workspace, or the declarations.
#include "engine/cli/points/candidates.h"

#include "engine/base/error.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/programs.h"
#include "engine/cli/points/selection.h"

#include <algorithm>
#include <map>
#include <set>

namespace xp {
namespace {

// A plug-in that cannot be used must not end completion.
Catalog usable_catalog() {
  try {
    return build_catalog();
  } catch (const Error&) {
    return Catalog::of_build(components_file());
  }
}

// The components that the experiment file may use, also those of its own plug-ins.
Catalog catalog_for(const std::string& file) {
  Catalog catalog = usable_catalog();
  if (file.empty()) return catalog;
  Problems problems;
  const auto names = plugin_names(read_source(file, problems));
  try {
    return with_plugins(catalog, describe_plugins(names, plugin_describer(), problems));
  } catch (const Error&) {
    return catalog;
  }
}

// Full path -> values.
std::map<std::string, Words> axes(const ExperimentOptions& options) {
  std::map<std::string, std::set<std::string>> found;
  const fs::path database = Workspace{options.workspace}.database();
  if (!options.spec.empty()) {
    const Catalog catalog = catalog_for(options.spec);
    Problems problems;
    const Spec spec = load_spec(options.spec, {}, catalog, problems);
    for (const auto& axis : spec.sweep.axes) {
      for (const auto& row : axis.values) {
        for (size_t i = 0; i < std::min(row.size(), axis.keys.size()); ++i)
          found[axis.keys[i]].insert(plain_value(row[i]));
      }
    }
  } else if (fs::exists(database)) {
    for (const auto& [path, value] : Store::open(database).axes())
      found[path].insert(plain_value(value));
  }
  std::map<std::string, Words> out;
  for (const auto& [path, values] : found)
    out[path] = {values.begin(), values.end()};
  return out;
}

}  // namespace

Words file_candidates(const std::string& prefix) {
  const size_t slash = prefix.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : prefix.substr(0, slash + 1);
  Words out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    if (entry.is_directory(none)) {
      out.push_back(folder + name + "/");
    } else if (name.ends_with(".toml")) {
      out.push_back(folder + name);
    }
  }
  return out;
}

Words run_candidates(const WorkspaceOptions& options) {
  Words out;
  for (const RunKind kind : kRunKinds) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(Workspace{options.workspace}.runs(kind), none))
      out.push_back(entry.path().filename().string());
  }
  return out;
}

Words component_candidates() {
  Words out;
  const Catalog catalog = usable_catalog();
  for (const auto& [key, part] : catalog.all())
    out.insert(out.end(), {part.name, part.kind});
  return out;
}

Words axis_candidates(const ExperimentOptions& options) {
  Words paths, out;
  for (const auto& [path, values] : axes(options))
    paths.push_back(path);
  for (const auto& path : paths)
    out.push_back(short_name(path, paths));
  return out;
}

Words metric_candidates(const WorkspaceOptions& options) {
  const fs::path database = Workspace{options.workspace}.database();
  return fs::exists(database) ? Store::open(database).summary_names() : Words();
}

Words list_candidates(const std::string& prefix, Words words) {
  const size_t comma = prefix.rfind(',');
  if (comma == std::string::npos) return words;
  for (auto& word : words)
    word.insert(0, prefix.substr(0, comma + 1));
  return words;
}

Words setting_candidates(const ExperimentOptions& options, const std::string& prefix) {
  const Catalog catalog = catalog_for(options.spec);
  const Schema everything = Schema::of_everything(catalog);
  const size_t equals = prefix.find('=');
  Words out;
  if (equals == std::string::npos) {
    for (const auto& path : everything.paths()) {
      if (!path.starts_with("report.")) out.push_back(path + "=");
    }
    return out;
  }
  const std::string key = prefix.substr(0, equals + 1);
  const Matches found = everything.match(std::string_view(prefix).substr(0, equals));
  if (found.size() != 1) return out;
  for (const Setting* setting : *everything.find(found.front())) {
    const bool is_component = !setting->component.empty();
    for (const auto& value :
         is_component ? catalog.names(setting->component) : setting->limit.choices)
      out.push_back(key + value);
    if (setting->type == Type::kBool) out.insert(out.end(), {key + "true", key + "false"});
  }
  return out;
}

Words selector_candidates(const ExperimentOptions& options, const std::string& prefix) {
  Words out = selector_words(axes(options));
  for (const auto& more : {run_candidates(options), file_candidates(prefix)})
    out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace xp
