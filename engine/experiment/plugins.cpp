// The code of a plug-in runs only in the process that describes it, so a crash there is harmless.
#include "engine/experiment/plugins.h"

#include "engine/base/expression.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/experiment/codes.h"
#include "registry/plugin.h"

#include <algorithm>
#include <csignal>
#include <optional>

namespace xp {
namespace {

// Nothing if the text is not a whole answer of xp-engine.
std::optional<std::vector<Declaration>> declarations_in(const std::string& text) {
  const Value answer = Value::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<Declaration> out;
  try {
    for (const auto& declaration : answer.at("declarations"))
      out.push_back(declaration_from_json(declaration));
  } catch (const Value::exception&) {
    return std::nullopt;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::string last_line(const std::string& text) {
  const auto lines = split(trim(text), '\n');
  return lines.empty() ? "" : std::string(trim(lines.back()));
}

// The answer of xp-engine about the plug-in. Raises its message if it refused.
std::string answer_of(const fs::path& file, const fs::path& engine) {
  if (!fs::exists(engine))
    machine_error("'{}' is missing, which describes plug-ins; build it with `make build`",
                  engine.string());
  const Finished end = run_program({engine.string(), "describe", "--plugin", file.string()});
  if (end.exit_code == 0) return end.output;
  const std::string said = last_line(end.errors);
  if (end.exit_code == 128 + SIGALRM)
    user_error(
        "the plug-in '{}' did not describe itself within a minute; what it does at its "
        "start must be short",
        file.string());
  if (end.exit_code > 128)
    user_error("the plug-in '{}' crashed while it described itself (signal {}){}", file.string(),
               end.exit_code - 128, said.empty() ? "" : ": " + said);
  constexpr std::string_view kSpeaker = "xp-engine: ";
  const std::string reason = said.starts_with(kSpeaker) ? said.substr(kSpeaker.size()) : said;
  const bool names_it = reason.find(file.filename().string()) != std::string::npos;
  if (names_it) user_error("{}", reason);
  user_error("the plug-in '{}' could not be described: {}", file.string(), reason);
}

bool is_of_xp(const fs::path& file, const Declaration& declaration) {
  std::vector<std::string> names;
  for (const auto& kind : kKinds) {
    if (declaration.kind == kind.name) return kind.is_of_xp;
    names.emplace_back(kind.name);
  }
  user_error("the plug-in '{}' declares '{}' of the kind '{}'; kinds of components are {}",
             file.string(), declaration.name, declaration.kind, join(names, ", "));
}

// Rules and figures that cannot be parsed would fail only while a plan is made.
void check_formulas(const fs::path& file, const Declaration& declaration) {
  const auto check_one = [&](const std::string& text) {
    try {
      Expression::parse(text);
    } catch (const ExpressionError& error) {
      user_error("the plug-in '{}' declares '{}' for the {} '{}', which cannot be read: {}",
                 file.string(), text, declaration.kind, declaration.name, error.what());
    }
  };
  for (const auto& rule : declaration.rules)
    check_one(rule.holds);
  for (const auto& figure : declaration.figures)
    check_one(figure.formula);
}

void check_declarations(Plugin& plugin) {
  const Declaration *of_xp = nullptr, *of_engine = nullptr;
  for (auto& declaration : plugin.declarations) {
    (is_of_xp(plugin.file, declaration) ? of_xp : of_engine) = &declaration;
    check_formulas(plugin.file, declaration);
    declaration.file = fmt::format("{} of {}", declaration.file, plugin.file.string());
  }
  plugin.is_of_xp = of_xp != nullptr;
  if (of_xp == nullptr || of_engine == nullptr) return;
  user_error(
      "the plug-in '{}' has the {} '{}', which `xp` itself runs, and the {} '{}', which "
      "needs LibTorch; make two plug-ins of it",
      plugin.file.string(), of_xp->kind, of_xp->name, of_engine->kind, of_engine->name);
}

std::optional<std::vector<Declaration>> kept_answer(const fs::path& file) {
  try {
    if (fs::exists(file)) return declarations_in(read_file(file));
  } catch (const std::exception&) {  // damaged: made again
  }
  return std::nullopt;
}

void keep_answer(const fs::path& file, const std::string& answer) {
  try {
    write_atomic(file, answer);
  } catch (const std::exception&) {  // made again next time
  }
}

}  // namespace

Plugin describe_plugin(const fs::path& file, const PluginDescriber& describer) {
  Plugin out;
  out.sha256 = checked_plugin(file);
  out.file = fs::canonical(file);
  const fs::path kept = describer.cache / (sha256(out.sha256 + own_stamp()) + ".json");
  auto known = describer.cache.empty() ? std::nullopt : kept_answer(kept);
  if (!known) {
    const std::string answer = answer_of(out.file, describer.engine);
    known = declarations_in(answer);
    if (!known)
      user_error("the plug-in '{}' could not be described: '{}' gave no declarations",
                 out.file.string(), describer.engine.string());
    if (!describer.cache.empty()) keep_answer(kept, answer);
  }
  out.declarations = std::move(*known);
  check_declarations(out);
  return out;
}

Value plugin_table(const std::vector<Plugin>& plugins) {
  Value files = Value::array(), hashes = Value::array();
  for (const auto& plugin : plugins) {
    files.push_back(plugin.file.string());
    hashes.push_back(plugin.sha256);
  }
  return plugins.empty() ? Value() : Value{{"load", files}, {"sha256", hashes}};
}

std::vector<PluginName> plugin_names(const Source& source) {
  std::vector<PluginName> out;
  const Value* load = find_path(source.value, "plugins.load");
  if (load == nullptr || !load->is_array()) return out;
  const fs::path folder = fs::path(source.place_of("plugins.load").file).parent_path();
  for (size_t i = 0; i < load->size(); ++i) {
    if (!(*load)[i].is_string()) continue;
    out.push_back({folder / (*load)[i].get<std::string>(),
                   source.value_place(fmt::format("plugins.load[{}]", i))});
  }
  return out;
}

std::vector<Plugin> describe_plugins(const std::vector<PluginName>& names,
                                     const PluginDescriber& describer, Problems& problems) {
  std::vector<Plugin> out;
  for (const auto& [file, place] : names) {
    std::error_code code;
    const fs::path real = fs::canonical(file, code);
    const auto is_same = [&real](const Plugin& plugin) { return plugin.file == real; };
    if (std::any_of(out.begin(), out.end(), is_same)) continue;
    try {
      out.push_back(describe_plugin(file, describer));
    } catch (const Error& error) {
      if (error.blame() != Blame::kUser) throw;
      problems.add(place, code::kPlugin, error.what());
    }
  }
  return out;
}

Catalog with_plugins(const Catalog& catalog, const std::vector<Plugin>& plugins) {
  std::map<std::pair<std::string, std::string>, Declaration> all = catalog.all();
  for (const auto& plugin : plugins) {
    for (const auto& declaration : plugin.declarations) {
      const auto [earlier, is_new] =
          all.emplace(std::make_pair(declaration.kind, declaration.name), declaration);
      if (!is_new)
        user_error(
            "the plug-in '{}' registers the {} '{}', which {} has already; give it another "
            "name",
            plugin.file.string(), declaration.kind, declaration.name, earlier->second.file);
    }
  }
  std::vector<Declaration> out;
  for (auto& [key, declaration] : all)
    out.push_back(std::move(declaration));
  return Catalog(std::move(out));
}

}  // namespace xp
