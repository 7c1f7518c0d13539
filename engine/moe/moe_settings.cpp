// From settings to layers.
#include "engine/moe/moe_settings.h"

#include "engine/base/error.h"
#include "registry/exchange_traits.h"

namespace xp {

torch::Tensor MoeSettings::combined(const std::vector<torch::Tensor>& losses) const {
  if (losses.empty()) return {};
  const auto all = torch::stack(losses).to(torch::kFloat);
  auto one = balance_combine == "sum" ? all.sum() : all.mean();
  if (balance_combine == "neg-log") one = one.clamp_min(1e-30).log().neg();
  return one * balance_weight;
}

MoeFactory::MoeFactory(const MoeSettings& settings, int64_t width, int64_t inner,
                       const ModelContext& context)
    : settings_(settings), context_(context) {
  if (settings.every == 0) return;
  const ExchangeTraits traits = exchange_traits(settings.exchange);
  if (!traits.has_experts) return;
  const int64_t ranks = context.groups.world->size();
  if (traits.uses_nodes && settings.experts < ranks) {
    user_error(
        "'experts' is {} but {} ranks each need one of their own under this exchange; use a "
        "multiple of {}, or gshard",
        settings.experts, ranks, ranks);
  }
  const auto trained = std::shared_ptr<const Exchange>(make_part<Exchange>(settings.exchange));
  shape_ = {width,
            inner,
            settings.experts,
            settings.capacity_factor,
            context.capacity_fraction,
            settings.whose(),
            context.draws,
            wire_from(settings.wire)};
  router_ = make_part<Router>(settings.router);
  first_ = traits.spares_first ? make_part<Exchange>({{"use", "gshard"}}) : nullptr;
  Value evaluated = settings.exchange;
  evaluated.update(context.exchange_overrides);
  exchange_ = context.exchange_overrides.empty()
                  ? trained
                  : std::shared_ptr<const Exchange>(make_part<Exchange>(evaluated));
  // The predecessor asks the exchange of the evaluation, which may send rows elsewhere than the one
  // that the gate was trained with (predecessor.md 13.15).
  const bool asks_evaluation = settings.whose() == Compatibility::kSeed;
  by_node_ = (asks_evaluation ? exchange_ : trained)->clusters_by_node();
}

bool MoeFactory::keeps_rows_independent() const {
  if (!has_experts()) return true;
  const double fraction = context_.capacity_fraction;
  const bool drops = fraction < 0 ? settings_.capacity_factor > 0 : fraction > 0;
  const auto& cluster = settings_.token_cluster;
  return !drops && settings_.whose() == Compatibility::kNone &&
         !(cluster.enabled && cluster.evaluation != "greedy") &&
         exchange_->keeps_rows_independent(context_.groups.world->topology());
}

std::shared_ptr<MoeLayer> MoeFactory::layer(int64_t ordinal, const Init& init) const {
  const auto& exchange = ordinal == 0 && first_ ? first_ : exchange_;
  return std::make_shared<MoeLayer>(shape_, router_, exchange, context_.groups, init);
}

std::shared_ptr<TokenCluster> MoeFactory::cluster(bool in_decoder, bool pre_norm, double dropout,
                                                  const Init& init) const {
  const auto& asked = settings_.token_cluster;
  const ClusterShape shape{asked.gate, asked.temperature, asked.evaluation, by_node_,
                           in_decoder, pre_norm,          dropout};
  return std::make_shared<TokenCluster>(shape_, shape, context_.groups, init);
}

}  // namespace xp
