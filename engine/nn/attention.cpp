// Attention over LibTorch's scaled dot product.
#include "engine/nn/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>

namespace xp {
namespace {

// Xavier's bound for one D x D map; q, k and v are smaller by sqrt(2) because they sit side by side
// (predecessor.md 6.1).
double xavier(int64_t width, double gain) {
  return gain * std::sqrt(6.0 / static_cast<double>(2 * width));
}
const double kSideBySide = 1 / std::sqrt(2.0);

torch::Tensor by_head(const torch::Tensor& x_BLD, int64_t heads) {
  return x_BLD.view({x_BLD.size(0), x_BLD.size(1), heads, -1}).transpose(1, 2);
}

torch::Tensor attend(const torch::Tensor& query, const KeysValues& memory,
                     const torch::Tensor& mask, bool causal, double dropout) {
  const std::optional<torch::Tensor> added = mask.defined() ? std::optional(mask) : std::nullopt;
  const auto out =
      at::scaled_dot_product_attention(query, memory.key, memory.value, added, dropout, causal);
  return out.transpose(1, 2).flatten(2);
}

}  // namespace

SelfAttention::SelfAttention(const AttentionShape& shape, const Init& init)
    : shape_(shape),
      in_(register_module("in", std::make_shared<Linear>(shape.width, 3 * shape.width, init / "in",
                                                         xavier(shape.width, kSideBySide)))),
      out_(register_module("out",
                           std::make_shared<Linear>(shape.width, shape.width, init / "out",
                                                    xavier(shape.width, 1), /*zero_bias=*/true))) {}

torch::Tensor SelfAttention::forward(const torch::Tensor& x_BLD, const torch::Tensor& mask,
                                     bool causal) const {
  const auto parts = in_->forward(x_BLD).chunk(3, 2);
  const KeysValues own{by_head(parts[1], shape_.heads), by_head(parts[2], shape_.heads)};
  const double dropout = is_training() ? shape_.dropout : 0;
  return out_->forward(attend(by_head(parts[0], shape_.heads), own, mask, causal, dropout));
}

torch::Tensor SelfAttention::step(const torch::Tensor& x_R1D, KeysValues& past) const {
  const auto parts = in_->forward(x_R1D).chunk(3, 2);
  const auto key = by_head(parts[1], shape_.heads), value = by_head(parts[2], shape_.heads);
  past.key = past.key.defined() ? torch::cat({past.key, key}, 2) : key;
  past.value = past.value.defined() ? torch::cat({past.value, value}, 2) : value;
  return out_->forward(
      attend(by_head(parts[0], shape_.heads), past, {}, /*causal=*/false, /*dropout=*/0));
}

CrossAttention::CrossAttention(const AttentionShape& shape, const Init& init)
    : shape_(shape),
      query_(register_module("query",
                             std::make_shared<Linear>(shape.width, shape.width, init / "query",
                                                      xavier(shape.width, kSideBySide)))),
      memory_(register_module(
          "memory", std::make_shared<Linear>(shape.width, 2 * shape.width, init / "memory",
                                             xavier(shape.width, kSideBySide)))),
      out_(register_module("out",
                           std::make_shared<Linear>(shape.width, shape.width, init / "out",
                                                    xavier(shape.width, 1), /*zero_bias=*/true))) {}

KeysValues CrossAttention::keys_values(const torch::Tensor& memory_BSD) const {
  const auto parts = memory_->forward(memory_BSD).chunk(2, 2);
  return {by_head(parts[0], shape_.heads), by_head(parts[1], shape_.heads)};
}

torch::Tensor CrossAttention::forward(const torch::Tensor& x_BLD, const KeysValues& memory,
                                      const torch::Tensor& mask) const {
  const auto query = by_head(query_->forward(x_BLD), shape_.heads);
  const double dropout = is_training() ? shape_.dropout : 0;
  return out_->forward(attend(query, memory, mask, /*causal=*/false, dropout));
}

}  // namespace xp
