// `xp completions SHELL` prints a script that asks the hidden `xp complete -- WORDS`.
#include "engine/cli/commands/completions.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/experiment.h"
#include "engine/cli/points/programs.h"
#include "engine/cli/points/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace xp {
namespace {

// Each asks the very program whose command line it is, so that build/xp completes, too.

// Bash has cut the words at = and : and replaces only what is after these.
constexpr const char* kBash = R"(_xp() {
  local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]/#~\//$HOME/}
  local words begun cut= breaks=${COMP_WORDBREAKS//[^=:]/}
  IFS=$' \t\n' read -ra words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=('')
  begun=${words[${#words[@]} - 1]}
  if [[ $begun == [\"\']* ]]; then
    begun=${begun:1}
  elif [[ -n $breaks && $begun == *[$breaks]* ]]; then
    cut=${begun%"${begun##*[$breaks]}"}
  fi
  words[${#words[@]} - 1]=$begun
  mapfile -t COMPREPLY < <("$program" complete -- "${words[@]:1}" 2>/dev/null)
  COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  [[ ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _xp xp
)";

constexpr const char* kZsh = R"(#compdef xp
_xp() {
  local -a found whole begun
  found=("${(@f)$("${words[1]/#\~\//$HOME/}" complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  begun=("${(@M)found:#*[=/]}")
  whole=("${(@)found:#*[=/]}")
  [[ -n $begun[1] ]] && compadd -S '' -- $begun
  [[ -n $whole[1] ]] && compadd -- $whole
}
if [[ $funcstack[1] == _xp ]]; then _xp "$@"; else compdef _xp xp; fi
)";

constexpr const char* kFish = R"(function __xp_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
  $program complete -- $words[2..-1] 2>/dev/null
end
complete -c xp -f -a '(__xp_complete)'
)";

using Names = std::vector<std::string>;

// Folders, and files that may be experiments, that the begun path can become.
Names files(const std::string& begun) {
  const size_t slash = begun.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : begun.substr(0, slash + 1);
  Names out;
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

Names runs(const Options& options) {
  Names out;
  for (const char* kind : {"trainings", "evaluations"}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(options.workspace / kind, none))
      out.push_back(entry.path().filename().string());
  }
  return out;
}

// A plug-in that cannot be used is no reason to complete nothing.
Catalog usable_catalog(Options options) {
  try {
    return build_catalog(options);
  } catch (const Error&) {
    options.plugins.clear();
    return build_catalog(options);
  }
}

Names components(const Options& options) {
  const Catalog catalog = usable_catalog(options);
  Names out;
  for (const auto& [key, part] : catalog.all()) {
    out.push_back(part.name);
    out.push_back(part.kind);
  }
  return out;
}

// The experiment file among the words before the last, or "".
std::string file_among(const Names& words) {
  const auto file = std::find_if(words.begin(), words.end() - 1,
                                 [](const std::string& word) { return word.ends_with(".toml"); });
  return file == words.end() - 1 ? "" : *file;
}

// The components that the file among the words may use: also those of its own plug-ins.
Catalog catalog_for(const Names& words, const Options& options) {
  Catalog catalog = usable_catalog(options);
  if (file_among(words).empty()) return catalog;
  Problems problems;
  const auto names = plugin_names(read_source(file_among(words), problems));
  try {
    return with_plugins(catalog, describe_plugins(names, plugin_describer(options), problems));
  } catch (const Error&) {
    return catalog;
  }
}

// PATH= for --set, or PATH=VALUE where the setting has named values.
Names settings(const Names& words, const Options& options) {
  const std::string& begun = words.back();
  const Catalog catalog = catalog_for(words, options);
  const Schema everything = Schema::of_everything(catalog);
  const size_t equals = begun.find('=');
  Names out;
  if (equals == std::string::npos) {
    for (const auto& path : everything.paths()) {
      if (!path.starts_with("report.")) out.push_back(path + "=");
    }
    return out;
  }
  const std::string key = begun.substr(0, equals + 1);
  const Matches found = everything.match(std::string_view(begun).substr(0, equals));
  if (found.size() != 1) return out;
  for (const Setting* setting : *everything.find(found.front())) {
    const bool picks = !setting->component.empty();
    const Names values = picks ? catalog.names(setting->component) : setting->limit.choices;
    for (const auto& value : values)
      out.push_back(key + value);
    if (setting->type == Type::kBool) out.insert(out.end(), {key + "true", key + "false"});
  }
  return out;
}

// The axes of the file among the words, else those that the index knows: full path -> values.
std::map<std::string, Names> axes(const Names& words, const Options& options) {
  std::map<std::string, std::set<std::string>> found;
  if (const std::string file = file_among(words); !file.empty()) {
    const Catalog catalog = catalog_for(words, options);
    Problems problems;
    const Spec spec = load_spec(file, {}, catalog, problems);
    for (const auto& axis : spec.sweep.axes) {
      for (const auto& row : axis.values) {
        for (size_t i = 0; i < std::min(row.size(), axis.keys.size()); ++i)
          found[axis.keys[i]].insert(plain_value(row[i]));
      }
    }
  } else if (fs::exists(Workspace{options.workspace}.database())) {
    for (const auto& [path, value] : Store::open(Workspace{options.workspace}.database()).axes())
      found[path].insert(plain_value(value));
  }
  std::map<std::string, Names> out;
  for (const auto& [path, values] : found)
    out[path] = {values.begin(), values.end()};
  return out;
}

Names selectors(const Names& words, const Options& options) {
  Names out = selector_words(axes(words, options));
  for (const auto& more : {runs(options), files(words.back())})
    out.insert(out.end(), more.begin(), more.end());
  return out;
}

Names candidates(const Names& words, const std::map<std::string, CommandWords>& commands,
                 const Options& options) {
  if (words.size() == 1) {
    Names out = {"--version", "--help"};
    for (const auto& [name, command] : commands)
      out.push_back(name);
    return out;
  }
  const auto command = commands.find(words.front());
  if (command == commands.end()) return {};
  const std::string& before = words[words.size() - 2];
  if (before == "--set") return settings(words, options);
  if (before == "--only") return selectors(words, options);
  if (before == "--workspace" || before == "--mirror") return files(words.back());
  if (words.back().starts_with("-")) return command->second.options;
  switch (command->second.takes) {
    case CommandWords::Takes::kFile:
      return files(words.back());
    case CommandWords::Takes::kComponent:
      return components(options);
    case CommandWords::Takes::kRun:
      return runs(options);
    case CommandWords::Takes::kPoints:
      return selectors(words, options);
    case CommandWords::Takes::kShell:
      return {"bash", "zsh", "fish"};
    case CommandWords::Takes::kNothing:
      return {};
  }
  return {};
}

}  // namespace

std::vector<std::string> completed(const std::vector<std::string>& words,
                                   const std::map<std::string, CommandWords>& commands,
                                   const Options& options) {
  if (words.empty()) return {};
  Options told = options;
  for (size_t i = 1; i + 1 < words.size(); ++i) {
    if (words[i - 1] == "--workspace") told.workspace = words[i];
  }
  Names out;
  for (auto& name : candidates(words, commands, told)) {
    if (name.starts_with(words.back())) out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

int completions_command(const Options& options) {
  const std::string& shell = options.names.at(0);
  const Names known = {"bash", "zsh", "fish"};
  const char* const scripts[] = {kBash, kZsh, kFish};
  const auto found = std::find(known.begin(), known.end(), shell);
  if (found == known.end()) {
    fmt::print(stderr, "{}\n", unknown_name("shell", shell, known));
    return Exit::kUsage;
  }
  fmt::print("{}", scripts[found - known.begin()]);
  return Exit::kDone;
}

}  // namespace xp
