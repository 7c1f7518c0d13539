// Prints problems the same way for every command.
#include "engine/cli/experiment.h"

#include "engine/run/corpora.h"

#include <fmt/format.h>

#include <cstdio>

namespace xp {

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

Catalog build_catalog() {
  return Catalog::of_build(program_folder() / "components.json");
}

std::optional<Experiment> load_experiment(const Options& options) {
  Experiment out;
  out.catalog = std::make_unique<Catalog>(build_catalog());
  Problems problems;
  out.spec = load_spec(options.spec, options.sets, *out.catalog, problems);
  if (problems.empty()) out.plan = make_plan(out.spec, *out.catalog, problems);
  if (options.json && options.command == "check") {
    const Value found = {{"schema_version", 1}, {"problems", problems.json()}};
    fmt::print("{}\n", found.dump(2));
  }
  if (problems.empty()) return out;
  if (options.json && options.command != "check") {
    const Value found = {{"schema_version", 1}, {"problems", problems.json()}};
    fmt::print("{}\n", found.dump(2));
  }
  if (!options.json) fmt::print(stderr, "{}\n", problems.text());
  return std::nullopt;
}

std::optional<Experiment> identify_experiment(const Options& options) {
  auto out = load_experiment(options);
  if (!out) return out;
  const Corpora corpora({options.workspace}, options.mirror, out->spec.folder());
  identify(out->plan, [&](const Value& corpus) { return corpora.identity(corpus); });
  return out;
}

std::optional<Experiment> open_experiment(const Options& options) {
  auto out = identify_experiment(options);
  if (out) read_states(out->plan, {options.workspace});
  return out;
}

std::string workspace_words(const Options& options) {
  return options.names_workspace ? " --workspace " + options.workspace.string() : "";
}

std::string next_command(const Options& options, const std::string& command) {
  std::string out = "xp " + command + " " + options.spec;
  for (const auto& set : options.sets)
    out += fmt::format(" --set '{}'", set);
  return out + workspace_words(options);
}

}  // namespace xp
