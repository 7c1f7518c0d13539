// One MoE layer.
#include "engine/nn/moe_layer.h"

#include "engine/base/error.h"

#include <cmath>

namespace xp {

MoeLayer::MoeLayer(const MoeShape& shape, std::shared_ptr<const Router> router,
                   std::shared_ptr<const Exchange> exchange, const Groups& groups, const Init& init)
    : shape_(shape), router_(std::move(router)), exchange_(std::move(exchange)), groups_(groups) {
  const int64_t ranks = groups.world->size();
  if (shape.experts % ranks != 0) {
    user_error("'experts' is {}, which {} ranks cannot share equally; use a multiple of {}",
               shape.experts, ranks, ranks);
  }
  const double bound = 1 / std::sqrt(static_cast<double>(shape.width));
  gate_ED_ =
      register_parameter("gate", (init / "gate").uniform({shape.experts, shape.width}, bound));
  const auto widths = exchange_->part_widths(shape.width, groups.world->topology());
  const int64_t on_rank = shape.experts / ranks, first = groups.world->rank() * on_rank;
  for (int64_t expert = first; expert < first + on_rank; ++expert) {
    auto& parts = expert_parts_.emplace_back();
    for (size_t part = 0; part < widths.size(); ++part) {
      std::string name = fmt::format("experts-{}", expert);
      if (widths.size() > 1) name += fmt::format("-{}", part);
      parts.push_back(register_module(
          name, std::make_shared<FeedForward>(widths[part], shape.inner, init / name)));
    }
  }
}

torch::Tensor MoeLayer::forward(const torch::Tensor& x_TD) {
  const CapacityRule capacity{shape_.capacity_factor, shape_.capacity_fraction, is_training()};
  const auto expert = [this](int64_t part, int64_t index, const torch::Tensor& rows) {
    return expert_parts_.at(static_cast<size_t>(index))
        .at(static_cast<size_t>(part))
        ->forward(rows);
  };
  const MoeCall call{x_TD,    torch::matmul(x_TD, gate_ED_.t()),          *router_, capacity,
                     groups_, static_cast<int64_t>(expert_parts_.size()), expert};
  MoeResult result = exchange_->forward(call);
  balance_ = result.balance;
  ++num_calls_;
  for (const auto& [name, value] : result.metrics)
    sums_[name] += value;
  return result.y_TD;
}

std::map<std::string, double> MoeLayer::take_metrics() {
  auto out = std::exchange(sums_, {});
  for (auto& [name, sum] : out)
    sum /= static_cast<double>(std::max<int64_t>(num_calls_, 1));
  num_calls_ = 0;
  return out;
}

}  // namespace xp
