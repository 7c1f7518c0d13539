// Checks components one by one and prints a line for each.
#include "engine/base/error.h"
#include "engine/laws/laws.h"
#include "engine/worker/commands.h"
#include "registry/plugin.h"

#include <fmt/format.h>

namespace xp {
namespace {

// Whether it keeps its laws. One that cannot be made without settings counts as if it did.
bool report(const AnyEntry& entry, const Value& settings) {
  const std::string name = fmt::format("{} {}", entry.kind, entry.name);
  try {
    const auto broken = broken_laws(entry, settings);
    fmt::print("{}: {}\n", name, broken.empty() ? "keeps its laws" : "breaks its laws");
    for (const auto& law : broken)
      fmt::print("  does not hold: {}\n", law);
    return broken.empty();
  } catch (const Error& error) {
    if (error.blame() != Blame::kUser) throw error.within(name);
    fmt::print("{}: not checked: {}; pass its settings with --settings\n", name, error.what());
    return settings.empty();
  }
}

}  // namespace

int laws_command(const LawArguments& arguments) {
  const Value settings = Value::parse(arguments.settings, nullptr, /*allow_exceptions=*/false);
  if (!settings.is_object())
    user_error("--settings is {}; must be a JSON object such as {{\"size\": 60}}",
               arguments.settings);
  const auto loaded = arguments.plugin.empty() ? entries() : load_plugin(arguments.plugin);
  bool all_hold = true;
  for (const AnyEntry* entry : loaded) {
    if (std::string_view(entry->kind) != "section") all_hold = report(*entry, settings) && all_hold;
  }
  return all_hold ? 0 : 1;
}

}  // namespace xp
