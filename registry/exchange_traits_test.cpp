// Traits and figures that follow from a component's own settings.
#include "registry/exchange_traits.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

Declaration exchange(std::vector<Figure> figures) {
  Declaration out{"exchange", "mine", "a part", "mine.cpp", {}, Value::object(), Scope::kNone};
  out.settings.push_back({"first", Type::kText, "gshard", one_of({"gshard", "same"}), "a setting",
                          Scope::kInherit, ""});
  out.figures = std::move(figures);
  return out;
}

TEST_CASE("an exchange that declares no traits has experts, sees no nodes and spares no layer") {
  const ExchangeTraits traits = exchange_traits(exchange({}), Value::object());
  CHECK(traits.has_experts);
  CHECK_FALSE(traits.uses_nodes);
  CHECK_FALSE(traits.spares_first);
}

TEST_CASE("traits follow from the settings and from their defaults") {
  const Declaration declared = exchange({{"has_experts", "1 - 1"},
                                         {"uses_nodes", "1"},
                                         {"spares_first", "if(first == 'gshard', 1, 0)"}});
  const ExchangeTraits traits = exchange_traits(declared, Value::object());
  CHECK_FALSE(traits.has_experts);
  CHECK(traits.uses_nodes);
  CHECK(traits.spares_first);
  CHECK_FALSE(exchange_traits(declared, {{"first", "same"}}).spares_first);
}

TEST_CASE("a figure that depends on other tables has no value of its own") {
  CHECK(figure_of(exchange({{"rows", "2 * launch.ranks"}}), "rows", Value::object()).is_null());
}

std::vector<std::string> missing(const Declaration& declaration) {
  std::vector<std::string> out;
  for (const auto& figure : missing_figures(declaration, Value::object()))
    out.emplace_back(figure.name);
  return out;
}

TEST_CASE("planning asks exchanges with experts for their rows") {
  using Names = std::vector<std::string>;
  CHECK(missing(exchange({{"expert_rows", "1"}, {"in_node_rows", "0"}})) ==
        Names{"has_experts", "global_share", "local_rows", "inter_node_rows"});
  CHECK(missing(exchange({{"has_experts", "0"}})) == Names{});
}

}  // namespace
}  // namespace xp
