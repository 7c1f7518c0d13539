// Attention over LibTorch's scaled dot product.
#include "engine/nn/attention.h"

#include "engine/nn/row_attention.h"

#include <ATen/Parallel.h>
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

// The same on a device, for all rows at once. Rows are as long as the longest, so that a row's last
// bits may depend on which others are decoded with it.
torch::Tensor attend_on_device(const torch::Tensor& query_RD, const CachedRows& rows, int64_t layer,
                               int64_t heads) {
  const int64_t R = query_RD.size(0), D = query_RD.size(1), C = rows.cell_RC().size(1);
  const auto parts_RC2D =
      rows.cache.values(layer).index_select(0, rows.cell_RC().flatten()).view({R, C, 2 * D});
  const auto query_RH1W = query_RD.reshape({R, heads, 1, D / heads});
  const auto key_RHCW = by_head(parts_RC2D.slice(2, 0, D), heads);
  const auto value_RHCW = by_head(parts_RC2D.slice(2, D), heads);
  const double scale = 1 / std::sqrt(static_cast<double>(D / heads));
  const auto score_RHC = (torch::matmul(query_RH1W, key_RHCW.transpose(2, 3)) * scale).squeeze(2) +
                         rows.mask_RC().unsqueeze(1);
  const auto weight_RHC = torch::softmax(score_RHC, 2);
  if (rows.aligned != nullptr) {
    const auto best_R = weight_RHC.sum(1).argmax(1).to(torch::kCPU, torch::kInt);
    const auto* best = best_R.data_ptr<int32_t>();
    rows.aligned->assign(best, best + R);
  }
  return torch::matmul(weight_RHC.unsqueeze(2), value_RHCW).reshape({R, D});
}

// Every row over its cells: [R, D].
torch::Tensor attend_cached(const torch::Tensor& query_RD, const CachedRows& rows, int64_t layer,
                            int64_t heads) {
  if (!query_RD.is_cpu()) return attend_on_device(query_RD, rows, layer, heads);
  const int64_t R = query_RD.size(0), D = query_RD.size(1), stride = query_RD.stride(0);
  auto out_RD = torch::empty({R, D}, torch::kFloat);
  const auto* query = query_RD.data_ptr<float>();
  auto* out = out_RD.data_ptr<float>();
  const float* cache = rows.cache.at(layer, 0);
  if (rows.aligned != nullptr) rows.aligned->resize(static_cast<size_t>(R));
  constexpr int64_t kWorth = 16;  // rows that are worth the start of a thread
  at::parallel_for(0, R, kWorth, [&](int64_t begin, int64_t end) {
    std::vector<float> scores;
    for (int64_t r = begin; r < end; ++r) {
      const auto& cells = rows.cells[static_cast<size_t>(r)];
      scores.resize(score_room(heads, cells.size()));
      attend_row({query + r * stride, cells, out + r * D}, cache, D, heads, scores);
      if (rows.aligned != nullptr)
        (*rows.aligned)[static_cast<size_t>(r)] = most_attended(scores, heads, cells.size());
    }
  });
  return out_RD;
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

torch::Tensor SelfAttention::step(const torch::Tensor& x_RD, const torch::Tensor& added_RD,
                                  const CachedRows& rows, int64_t layer) const {
  const auto parts_R3D = in_->infer(x_RD);
  const int64_t D = shape_.width;
  if (!x_RD.is_cpu()) {
    rows.cache.put(layer, rows.own, parts_R3D.slice(1, D));
    return out_->infer(attend_cached(parts_R3D.slice(1, 0, D), rows, layer, shape_.heads),
                       added_RD);
  }
  const auto* part = parts_R3D.data_ptr<float>() + D;
  for (const int32_t cell : rows.own) {
    std::copy(part, part + 2 * D, rows.cache.at(layer, cell));
    part += 3 * D;
  }
  return out_->infer(attend_cached(parts_R3D.slice(1, 0, D), rows, layer, shape_.heads), added_RD);
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

void CrossAttention::remember(const torch::Tensor& memory_TD, const Cells& cells,
                              DecodeCache& cache, int64_t layer) const {
  const auto parts_T2D = memory_->infer(memory_TD);
  if (!parts_T2D.is_cpu()) return cache.put(layer, cells, parts_T2D);
  const auto* part = parts_T2D.data_ptr<float>();
  for (const int32_t cell : cells) {
    std::copy(part, part + 2 * shape_.width, cache.at(layer, cell));
    part += 2 * shape_.width;
  }
}

torch::Tensor CrossAttention::step(const torch::Tensor& x_RD, const torch::Tensor& added_RD,
                                   const CachedRows& rows, int64_t layer) const {
  return out_->infer(attend_cached(query_->infer(x_RD), rows, layer, shape_.heads), added_RD);
}

}  // namespace xp
