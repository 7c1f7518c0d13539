// A small catalog for tests: the sections as they are, and a few components declared by hand.
#pragma once

#include "engine/experiment/catalog.h"

#include <utility>
#include <vector>

namespace xp {

inline Setting fixture_setting(std::string name, Type type, Value fallback, Limit limit = {},
                               Scope scope = Scope::kInherit) {
  return {std::move(name), type, std::move(fallback), std::move(limit), "a setting", scope, ""};
}

inline Setting fixture_component(std::string name, std::string kind, std::string fallback) {
  return {std::move(name), Type::kComponent, std::move(fallback), {},
          "a component",   Scope::kInherit,  std::move(kind)};
}

inline Declaration fixture_part(std::string kind, std::string name, std::vector<Setting> settings) {
  return {std::move(kind),     std::move(name), "a part",    "plugins/fixture.cpp",
          std::move(settings), Value::object(), Scope::kNone};
}

inline Declaration fixture_model() {
  Declaration model = fixture_part(
      "model", "transformer",
      {fixture_setting("preset", Type::kText, "base", one_of({"tiny", "base"})),
       fixture_setting("width", Type::kInteger, 512, at_least(1)),
       fixture_setting("heads", Type::kInteger, 8, at_least(1)),
       fixture_setting("dropout", Type::kNumber, 0.1, between(0, 0.99)),
       fixture_setting("norm", Type::kText, "pre", one_of({"pre", "post"})),
       fixture_setting("moe.every", Type::kInteger, 2, at_least(0)),
       fixture_setting("moe.experts", Type::kInteger, 8, at_least(1)),
       fixture_setting("moe.capacity_factor", Type::kNumber, 1.25),
       fixture_component("moe.router", "router", "top2"),
       fixture_component("moe.exchange", "exchange", "gshard"),
       fixture_setting("moe.token_cluster.enabled", Type::kBool, false),
       fixture_setting("moe.token_cluster.temperature", Type::kNumber, 0.5, above(0))});
  model.rules = {
      {"E042",
       "width % heads == 0",
       "'heads' is {heads}, which does not divide 'width' {width}",
       {"heads", "width"}},
      {"E041",
       "moe.every == 0 or moe.exchange.has_experts == 0 or moe.experts % launch.ranks == 0",
       "'experts' is {moe.experts}, which {launch.ranks} ranks cannot share equally",
       {"moe.experts", "launch.ranks_per_node", "launch.nodes"}},
      {"E049", "width % 8 == 0", "'width' is {width}; multiples of 8 are faster", {"width"}, true}};
  model.figures = {{"parameters", "width * heads + moe.exchange.extra"}};
  model.presets = {{"base", Value::object()}, {"tiny", {{"width", 64}, {"heads", 4}}}};
  return model;
}

/// `more` are added, or take the place of components of their kind and name.
inline Catalog fixture_catalog(const std::vector<Declaration>& more = {}) {
  std::vector<Declaration> all;
  for (const AnyEntry* entry : entries()) {
    if (std::string_view(entry->kind) == "section") all.push_back(entry->describe(*entry));
  }
  const auto add = [&all](const char* kind, const char* name, std::vector<Setting> settings) {
    all.push_back(fixture_part(kind, name, std::move(settings)));
  };
  const auto share = [](const char* name, double fallback) {
    return fixture_setting(name, Type::kNumber, fallback, fraction());
  };
  all.push_back(fixture_model());
  add("router", "top1", {});
  add("router", "top2", {fixture_setting("normalize", Type::kBool, true)});
  add("exchange", "dense", {});
  all.back().figures = {{"has_experts", "0"}, {"extra", "0"}};
  add("exchange", "gshard", {});
  all.back().figures = {{"has_experts", "1"}, {"extra", "model.moe.experts"}};
  for (const char* name : {"scomoe-seq", "scomoe-feat"}) {
    add("exchange", name, {share("alpha", 0.2), share("beta", 0.5)});
    all.back().figures = {{"has_experts", "1"}, {"extra", "floor(100 * alpha)"}};
    const Value fallback = std::string_view(name) == "scomoe-seq" ? Value(0.0) : Value();
    all.back().predecessor = {{"--ratio1", "alpha"}, {"--ratio2", "beta"}};
    all.back().evaluation = {{"alpha", fallback, "eval.alpha"}, {"beta", fallback, "eval.beta"}};
    all.back().rules = {{"E040",
                         "alpha + beta <= 1",
                         "alpha + beta in [model.moe.exchange] is {alpha} + {beta}; must be at "
                         "most 1",
                         {"alpha", "beta"}}};
  }
  add("optimizer", "adam",
      {fixture_setting("lr", Type::kNumber, 5e-4, above(0)),
       fixture_setting("betas", Type::kNumbers, Value::array({0.9, 0.98}), fraction())});
  add("schedule", "constant", {});
  add("schedule", "inverse-sqrt",
      {fixture_setting("warmup_updates", Type::kInteger, 4000, at_least(1))});
  add("corpus", "dummy", {fixture_setting("sentences", Type::kInteger, 100, at_least(1))});
  add("corpus", "moses", {fixture_setting("path", Type::kText, "", {}, Scope::kContent)});
  add("tokenizer", "sentencepiece", {fixture_setting("size", Type::kInteger, 32000, at_least(8))});
  add("metric", "bleu", {});
  add("metric", "chrf", {fixture_setting("lowercase", Type::kBool, false)});
  add("metric", "command",
      {fixture_setting("command", Type::kTexts, Value::array()),
       fixture_setting("timeout_s", Type::kNumber, 3600.0, above(0), Scope::kNone)});
  add("renderer", "table", {});
  add("launcher", "local", {});
  all.insert(all.end(), more.begin(), more.end());
  return Catalog(std::move(all));
}

}  // namespace xp
