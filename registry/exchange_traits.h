// What an exchange says about itself in figures, for those who plan and those who build layers.
#pragma once

#include "registry/registry.h"

namespace xp {

struct ExchangeTraits {
  bool has_experts = true;    ///< false: every MoE layer is an ordinary feed-forward layer
  bool uses_nodes = false;    ///< true: every rank must hold at least one expert
  bool gives_result = true;   ///< false: it measures time; what it trains is not to be compared
  bool spares_first = false;  ///< true: the first MoE layer of each stack uses `gshard` instead
};

/// By the figures of these names that the exchange declares (1 or 0, by its own settings alone) and
/// its settings in `table`.
ExchangeTraits exchange_traits(const Declaration& exchange, const Value& table);

/// Of the exchange that the table [model.moe.exchange] picks. Raises kUser if none has that name.
ExchangeTraits exchange_traits(const Value& table);

}  // namespace xp
