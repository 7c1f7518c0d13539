// Options by the declarations of [eval].
#include "engine/cli/commands/translation_settings.h"

#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/cli/parser/exit_code.h"
#include "registry/sections.h"

#include <algorithm>

namespace xp {
namespace {

const Setting& setting_named(const std::vector<Setting>& settings, std::string_view key) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const Setting& setting) { return setting.name == key; });
  check(found != settings.end(), "every option names a setting of [eval]");
  return *found;
}

void apply_set(const std::string& set, const std::vector<Setting>& settings, Value& eval) {
  const size_t equals = std::min(set.find('='), set.size());
  const std::string key(trim(set.substr(0, equals)));
  if (equals == set.size()) usage_error("--set takes KEY=VALUE, such as max_tokens=20000");
  Words names;
  for (const auto& setting : settings)
    names.push_back(setting.name);
  if (std::find(names.begin(), names.end(), key) == names.end())
    usage_error("{}", unknown_name("setting of [eval]", key, names));
  set_path(eval, key, typed_value(std::string(trim(set.substr(equals + 1)))));
}

}  // namespace

void EvalChanges::declare(Arguments& arguments) {
  const auto settings = settings_of<EvalSection>();
  for (size_t i = 0; i < given_.size(); ++i) {
    const EvalOption& option = kEvalOptions[i];
    const Setting& setting = setting_named(settings, option.key);
    arguments
        .option(option.name, option.value_name, &given_[i],
                option.help == nullptr ? setting.sentence : option.help)
        .one_of(setting.limit.choices)
        .otherwise("that of [eval]");
  }
  arguments.option("--set", "KEY=VALUE", &sets_,
                   "another value of a setting of [eval]: checkpoint=last, max_tokens=20000; "
                   "repeatable");
}

Value EvalChanges::applied_to(Value spec) const {
  const auto settings = settings_of<EvalSection>();
  Value& eval = spec["eval"];
  for (const auto& set : sets_)
    apply_set(set, settings, eval);
  for (size_t i = 0; i < given_.size(); ++i) {
    if (given_[i].empty()) continue;
    const EvalOption& option = kEvalOptions[i];
    const Value value = typed_value(given_[i]);
    const std::string wrong = objection(setting_named(settings, option.key), value);
    if (!wrong.empty()) usage_error("{} {}", option.name, wrong);
    set_path(eval, option.key, value);
    // With a length of its own.
    if (std::string_view(option.key) == "min_length_b") eval["min_length_a"] = 0;
    if (std::string_view(option.key) == "max_length_b") eval["max_length_a"] = 0;
  }
  return spec;
}

}  // namespace xp
