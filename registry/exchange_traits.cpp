// Traits are figures, so that `xp` knows them without the code of the exchange.
#include "registry/exchange_traits.h"

namespace xp {

ExchangeTraits exchange_traits(const Declaration& exchange, const Value& table) {
  const ExchangeTraits otherwise;
  const auto trait = [&](const char* name, bool fallback) {
    const Value value = figure_of(exchange, name, table);
    return value.is_null() ? fallback : value != 0;
  };
  return {trait("has_experts", otherwise.has_experts), trait("uses_nodes", otherwise.uses_nodes),
          trait("gives_result", otherwise.gives_result),
          trait("spares_first", otherwise.spares_first)};
}

ExchangeTraits exchange_traits(const Value& table) {
  const AnyEntry& entry = find_entry("exchange", table.value("use", ""));
  return exchange_traits(entry.describe(entry), table);
}

}  // namespace xp
