// From an entry to the laws of its kind.
#include "engine/laws/laws.h"

#include "engine/base/expression.h"
#include "registry/corpus.h"
#include "registry/exchange.h"
#include "registry/exchange_traits.h"
#include "registry/launcher.h"
#include "registry/metric.h"
#include "registry/optimizer.h"
#include "registry/renderer.h"
#include "registry/schedule.h"
#include "registry/tokenizer.h"

#include <algorithm>
#include <set>

namespace xp {
namespace {

template <class Kind>
std::unique_ptr<Kind> made(const AnyEntry& entry, Value settings) {
  settings["use"] = entry.name;
  return static_cast<const Entry<Kind>&>(entry).make(settings);
}

void try_part(const AnyEntry& entry, const Value& settings, Trial& trial) {
  const std::string kind = entry.kind;
  if (kind == Schedule::kKind) try_schedule(*made<Schedule>(entry, settings), trial);
  if (kind == Metric::kKind) try_metric(*made<Metric>(entry, settings), entry.name, trial);
  if (kind == Renderer::kKind) try_renderer(*made<Renderer>(entry, settings), trial);
  if (kind == Tokenizer::kKind) try_tokenizer(*made<Tokenizer>(entry, settings), trial);
  if (kind == Router::kKind) {
    const auto router = made<Router>(entry, settings);
    try_router(*router, trial);
    try_choices(*router, figure_of(entry.describe(entry), "choices", settings), trial);
  }
  if (kind == Exchange::kKind && exchange_traits(entry.describe(entry), settings).has_experts)
    try_exchange(*made<Exchange>(entry, settings), trial);
  if (kind == Optimizer::kKind) {
    const auto optimizer = made<Optimizer>(entry, settings);
    try_optimizer(*optimizer, trial);
    const Value values = figure_of(entry.describe(entry), "state_values", settings);
    trial.expect(values.is_null() || values == optimizer->state_names().size(),
                 "the figure 'state_values' is the number of state tensors");
  }
  if (kind == Launcher::kKind) try_launcher(*made<Launcher>(entry, settings), trial);
  if (kind == Corpus::kKind) {
    const Value pairs = settings.value("pairs", Value::array({"en-fr"}));
    try_corpus(*made<Corpus>(entry, settings), pairs, trial);
  }
}

bool is_readable(const std::string& expression) {
  try {
    Expression::parse(expression);
    return true;
  } catch (const ExpressionError&) {
    return false;
  }
}

bool is_usable(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-' || c == '+';
  });
}

}  // namespace

void Trial::expect(bool holds, std::string_view law) {
  if (holds || std::find(broken_.begin(), broken_.end(), law) != broken_.end()) return;
  broken_.emplace_back(law);
}

void try_declaration(const Declaration& declaration, Trial& trial) {
  trial.expect(is_usable(declaration.name),
               "the name has lower-case letters, digits, '-' and '+' only");
  trial.expect(!declaration.summary.empty(), "a sentence says what the component is");
  std::set<std::string> names;
  for (const auto& setting : declaration.settings) {
    const auto about = [&](const char* law) {
      return fmt::format("the setting '{}' {}", setting.name, law);
    };
    trial.expect(names.insert(setting.name).second, about("is declared once"));
    trial.expect(!setting.sentence.empty(), about("has a sentence that says what it means"));
    const bool has_default = setting.type != Type::kComponent && !setting.fallback.is_null();
    trial.expect(!has_default || objection(setting, setting.fallback).empty(),
                 about("has a default within its limits"));
  }
  for (const auto& [preset, values] : declaration.presets.items()) {
    for (const auto& [name, value] : values.items())
      trial.expect(names.contains(name), "presets give values to declared settings");
  }
  for (const auto& rule : declaration.rules)
    trial.expect(is_readable(rule.holds), "rules are expressions that can be read");
  for (const auto& figure : declaration.figures)
    trial.expect(is_readable(figure.formula), "figures are expressions that can be read");
  for (const auto& own : declaration.evaluation)
    trial.expect(names.contains(own.name), "the evaluation may set declared settings only");
  const Value written = to_json(declaration);
  trial.expect(to_json(declaration_from_json(written)) == written,
               "the declaration survives being written down");
}

void try_figures(const Declaration& declaration, const Value& settings, Trial& trial) {
  for (const auto& figure : missing_figures(declaration, settings))
    trial.expect(false, fmt::format("planning can ask for the figure '{}' ({})", figure.name,
                                    figure.meaning));
}

std::vector<std::string> broken_laws(const AnyEntry& entry, const Value& settings) {
  Trial trial;
  const Declaration declaration = entry.describe(entry);
  try_declaration(declaration, trial);
  try_figures(declaration, settings, trial);
  try_part(entry, settings, trial);
  return trial.broken();
}

}  // namespace xp
