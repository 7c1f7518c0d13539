// Rows go through all layers at once.
#include "engine/moe/moe_stack.h"

#include "engine/device/accelerator.h"

namespace xp {

MoeStack::MoeStack(std::shared_ptr<TokenCluster> cluster,
                   std::vector<std::shared_ptr<FeedForwardBlock>> layers,
                   Compatibility compatibility)
    : layers_(std::move(layers)), compatibility_(compatibility) {
  if (cluster) cluster_ = register_module("cluster", std::move(cluster));
  for (size_t i = 0; i < layers_.size(); ++i)
    register_module(std::to_string(i), layers_[i]);
}

torch::Tensor MoeStack::on_rows(const Rows& rows, int64_t length) {
  if (!cluster_) {
    torch::Tensor x_TD = rows.x_TD;
    for (const auto& layer : layers_)
      x_TD = layer->on_rows({x_TD, rows.pad_T});
    return x_TD;
  }
  const TokenCluster::ClusteredRows clustered = cluster_->dispatch(rows, length);
  torch::Tensor x_MD = clustered.rows.x_TD;
  for (const auto& layer : layers_)
    x_MD = layer->on_rows({x_MD, clustered.rows.pad_T});
  return cluster_->combine(x_MD, clustered);
}

torch::Tensor MoeStack::forward(const torch::Tensor& h_BLD, const RealTokens& real) {
  const Rows rows = take_rows(h_BLD, real, compatibility_);
  return put_rows(h_BLD, real, on_rows(rows, h_BLD.size(1)), compatibility_);
}

torch::Tensor MoeStack::infer(const torch::Tensor& h_TD) {
  if (cluster_) return forward(h_TD.unsqueeze(1), {}).squeeze(1);
  torch::Tensor x_TD = h_TD;
  for (const auto& layer : layers_)
    x_TD = layer->infer(x_TD);
  return x_TD;
}

torch::Tensor MoeStack::idle(int64_t width) {
  const auto x_TD = torch::zeros({0, width}, torch::requires_grad().device(computing_device()));
  const auto no_pads =
      compatibility_ == Compatibility::kSeed
          ? torch::zeros({0}, x_TD.options().requires_grad(false).dtype(torch::kBool))
          : torch::Tensor();
  auto zero = on_rows({x_TD, no_pads}, 1).sum();
  for (const auto& layer : layers_)
    if (layer->moe()->balance().defined()) zero = zero + layer->moe()->balance() * 0;
  return zero;
}

}  // namespace xp
