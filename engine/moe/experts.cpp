// Sharing experts out over ranks.
#include "engine/moe/experts.h"

#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/device/ops.h"
#include "engine/moe/counts.h"

namespace xp {

bool can_share(int64_t experts, int64_t ranks) {
  return experts % ranks == 0 || ranks % experts == 0;
}

ExpertGroups::ExpertGroups(int64_t experts, const Groups& groups) : together(groups) {
  const int64_t ranks = groups.world->size(), rank = groups.world->rank();
  if (experts % ranks == 0) return;
  if (!can_share(experts, ranks)) {
    user_error(
        "'experts' is {}, which {} ranks cannot share equally; use a multiple or a divisor of "
        "{}",
        experts, ranks, ranks);
  }
  const int64_t first = rank / experts * experts;
  together.world = groups.subgroup({first, experts, 1});
  const int64_t per_node = groups.world->topology().ranks_per_node;
  const bool has_whole_nodes = first % per_node == 0 && experts % per_node == 0;
  together.peers = has_whole_nodes
                       ? groups.subgroup({first + rank % per_node, experts / per_node, per_node})
                       : nullptr;
  copies = groups.subgroup({rank % experts, ranks / experts, experts});
}

Experts::Experts(int64_t experts, const std::vector<int64_t>& widths, int64_t inner,
                 const Group& together, const Init& init) {
  const int64_t on_rank = experts / together.size(), first = together.rank() * on_rank;
  for (int64_t expert = first; expert < first + on_rank; ++expert) {
    auto& parts = parts_.emplace_back();
    for (size_t part = 0; part < widths.size(); ++part) {
      if (widths[part] == 0) {
        parts.push_back(nullptr);
        continue;
      }
      std::string name = std::to_string(expert);
      if (widths.size() > 1) name += fmt::format("-{}", part);
      parts.push_back(
          register_module(name, std::make_shared<FeedForward>(widths[part], inner, init / name)));
    }
  }
}

torch::Tensor Experts::forward(int64_t part, const torch::Tensor& rows_MD,
                               const torch::Tensor& start_X1) const {
  return run(part, rows_MD, start_X1, [](const FeedForward& expert, const torch::Tensor& rows) {
    return expert.forward(rows);
  });
}

torch::Tensor Experts::infer(int64_t part, const torch::Tensor& rows_MD,
                             const torch::Tensor& start_X1) const {
  return run(part, rows_MD, start_X1, [](const FeedForward& expert, const torch::Tensor& rows) {
    return expert.infer(rows);
  });
}

torch::Tensor Experts::run(int64_t part, const torch::Tensor& rows_MD,
                           const torch::Tensor& start_X1, RunOne run_one) const {
  if (on_rank() == 1) return run_one(ffn(part, 0), rows_MD);
  if (!rows_MD.is_cpu()) return grouped(part, rows_MD, start_X1);
  const auto parts = rows_MD.split_with_sizes(to_vector(start_X1.diff()));
  std::vector<torch::Tensor> out;
  for (size_t i = 0; i < parts.size(); ++i)
    out.push_back(run_one(ffn(part, static_cast<int64_t>(i)), parts[i]));
  return torch::cat(out);
}

torch::Tensor Experts::grouped(int64_t part, const torch::Tensor& rows_MD,
                               const torch::Tensor& start_X1) const {
  std::vector<const Linear*> first, second;
  for (int64_t index = 0; index < on_rank(); ++index) {
    first.push_back(&ffn(part, index).first());
    second.push_back(&ffn(part, index).second());
  }
  const auto start = to_device(start_X1);
  const auto product = [&start](const torch::Tensor& x, const std::vector<const Linear*>& layers) {
    std::vector<torch::Tensor> weight_X, bias_X;
    for (const Linear* layer : layers) {
      weight_X.push_back(layer->weight);
      bias_X.push_back(layer->bias);
    }
    return grouped_product(x, weight_X, bias_X, start);
  };
  return product(product(rows_MD, first).relu_(), second);
}

}  // namespace xp
