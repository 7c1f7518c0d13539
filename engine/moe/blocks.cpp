// Transformer layers with residual connections.
#include "engine/moe/blocks.h"

#include "engine/device/accelerator.h"
#include "engine/nn/dropout.h"
#include "engine/nn/recompute.h"

namespace xp {
namespace {

// h + dropout(f(norm(h))) or norm(h + dropout(f(h))).
template <class Sublayer>
torch::Tensor residual(const torch::Tensor& h, const Norm& norm, const BlockShape& shape,
                       bool training, const Sublayer& sublayer) {
  if (shape.pre_norm) return add_dropped(h, sublayer(norm.forward(h)), shape.dropout, training);
  return norm.forward(add_dropped(h, sublayer(h), shape.dropout, training));
}

// The same without gradient; `sublayer` adds h itself.
template <class Sublayer>
torch::Tensor inferred(const torch::Tensor& h, const Norm& norm, const BlockShape& shape,
                       const Sublayer& sublayer) {
  return shape.pre_norm ? sublayer(norm.forward(h)) : norm.forward(sublayer(h));
}

AttentionShape attention_shape(const BlockShape& shape) {
  return {shape.width, shape.heads, shape.attention_dropout};
}

template <class Module>
std::shared_ptr<FeedForwardBlock> add_feed_forward(Module& module, const BlockShape& shape,
                                                   const PositionWise& position_wise,
                                                   const Init& init) {
  if (!position_wise.exists) return nullptr;
  return module.register_module(
      "wide", std::make_shared<FeedForwardBlock>(shape, position_wise.moe, init / "wide"));
}

// Attention, then the position-wise sublayer if there is one. What is computed again in the
// backward pass is one block, but for an MoE layer.
torch::Tensor in_block(const BlockShape& shape, bool training,
                       const std::shared_ptr<FeedForwardBlock>& feed_forward,
                       const RealTokens& real, const Block& attend, const torch::Tensor& h,
                       const torch::Tensor& memory = {}) {
  const auto after = [feed_forward, real](const torch::Tensor& x) {
    return feed_forward ? feed_forward->forward(x, real) : x;
  };
  if (!shape.recomputes || !training) return after(attend(h, memory));
  if (feed_forward && feed_forward->moe() != nullptr) return after(recomputed(attend, h, memory));
  return recomputed([attend, after](const torch::Tensor& x,
                                    const torch::Tensor& y) { return after(attend(x, y)); },
                    h, memory);
}

}  // namespace

Rows take_rows(const torch::Tensor& h_BLD, const RealTokens& real, Compatibility compatibility) {
  const auto h_PD = h_BLD.flatten(0, 1);
  if (compatibility == Compatibility::kSeed) {
    const auto mask = h_BLD.options().dtype(torch::kBool);
    if (!real.index_T.defined()) return {h_PD, torch::zeros({h_PD.size(0)}, mask)};
    return {h_PD, torch::ones({h_PD.size(0)}, mask).index_fill_(0, real.index_T, false)};
  }
  return {real.index_T.defined() ? h_PD.index_select(0, real.index_T) : h_PD, {}};
}

torch::Tensor put_rows(const torch::Tensor& h_BLD, const RealTokens& real,
                       const torch::Tensor& rows_TD, Compatibility compatibility) {
  if (compatibility == Compatibility::kSeed || !real.index_T.defined())
    return rows_TD.view_as(h_BLD);
  return h_BLD.flatten(0, 1).index_copy(0, real.index_T, rows_TD).view_as(h_BLD);
}

FeedForwardBlock::FeedForwardBlock(const BlockShape& shape, std::shared_ptr<MoeLayer> moe,
                                   const Init& init)
    : shape_(shape), norm_(register_module("norm", std::make_shared<Norm>(shape.width))) {
  if (moe) {
    moe_ = register_module("moe", std::move(moe));
  } else {
    ffn_ = register_module("ffn",
                           std::make_shared<FeedForward>(shape.width, shape.inner, init / "ffn"));
  }
}

torch::Tensor FeedForwardBlock::forward(const torch::Tensor& h_BLD, const RealTokens& real) {
  if (ffn_) {
    return residual(h_BLD, *norm_, shape_, is_training(),
                    [this](const torch::Tensor& x_BLD) { return ffn_->forward(x_BLD); });
  }
  const Rows rows = take_rows(h_BLD, real, shape_.compatibility);
  return put_rows(h_BLD, real, on_rows(rows), shape_.compatibility);
}

torch::Tensor FeedForwardBlock::on_rows(const Rows& rows) {
  return residual(rows.x_TD, *norm_, shape_, is_training(), [&](const torch::Tensor& x_TD) {
    return moe_->forward({x_TD, rows.pad_T});
  });
}

torch::Tensor FeedForwardBlock::infer(const torch::Tensor& h_TD) {
  return inferred(h_TD, *norm_, shape_, [&](const torch::Tensor& x_TD) {
    return ffn_ ? ffn_->infer(x_TD, h_TD) : h_TD + moe_->infer({x_TD, {}});
  });
}

torch::Tensor FeedForwardBlock::idle() {
  if (!moe_) return torch::zeros({});
  const auto x_TD =
      torch::zeros({0, shape_.width}, torch::requires_grad().device(computing_device()));
  const auto zero = moe_->forward({x_TD, {}}).sum();  // before its balance is asked for
  return moe_->balance().defined() ? zero + moe_->balance() * 0 : zero;
}

EncoderLayer::EncoderLayer(const BlockShape& shape, const PositionWise& position_wise,
                           const Init& init)
    : shape_(shape),
      norm_(register_module("norm", std::make_shared<Norm>(shape.width))),
      attention_(register_module("attention", std::make_shared<SelfAttention>(
                                                  attention_shape(shape), init / "attention"))),
      feed_forward_(add_feed_forward(*this, shape, position_wise, init)) {}

torch::Tensor EncoderLayer::attend(const torch::Tensor& h_BSD, const torch::Tensor& mask) const {
  return residual(h_BSD, *norm_, shape_, is_training(), [&](const torch::Tensor& x) {
    return attention_->forward(x, mask, /*causal=*/false);
  });
}

torch::Tensor EncoderLayer::forward(const torch::Tensor& h_BSD, const torch::Tensor& mask,
                                    const RealTokens& real) {
  return in_block(
      shape_, is_training(), feed_forward_, real,
      [this, mask](const torch::Tensor& h, const torch::Tensor&) { return attend(h, mask); },
      h_BSD);
}

torch::Tensor EncoderLayer::infer(const torch::Tensor& h_TD, const CachedRows& rows) {
  const auto h = inferred(h_TD, *norm_, shape_, [&](const torch::Tensor& x) {
    return attention_->step(x, h_TD, rows, /*layer=*/0);
  });
  return feed_forward_ ? feed_forward_->infer(h) : h;
}

DecoderLayer::DecoderLayer(const BlockShape& shape, const PositionWise& position_wise,
                           const Init& init)
    : shape_(shape),
      self_norm_(register_module("self_norm", std::make_shared<Norm>(shape.width))),
      cross_norm_(register_module("cross_norm", std::make_shared<Norm>(shape.width))),
      self_(register_module(
          "self", std::make_shared<SelfAttention>(attention_shape(shape), init / "self"))),
      cross_(register_module(
          "cross", std::make_shared<CrossAttention>(attention_shape(shape), init / "cross"))),
      feed_forward_(add_feed_forward(*this, shape, position_wise, init)) {}

torch::Tensor DecoderLayer::attend(const torch::Tensor& h_BLD, const torch::Tensor& memory_BSD,
                                   const torch::Tensor& mask,
                                   const torch::Tensor& target_mask) const {
  const auto h = residual(h_BLD, *self_norm_, shape_, is_training(), [&](const torch::Tensor& x) {
    return self_->forward(x, target_mask, /*causal=*/!target_mask.defined());
  });
  const auto memory = cross_->keys_values(memory_BSD);
  return residual(h, *cross_norm_, shape_, is_training(),
                  [&](const torch::Tensor& x) { return cross_->forward(x, memory, mask); });
}

torch::Tensor DecoderLayer::forward(const torch::Tensor& h_BLD, const torch::Tensor& memory_BSD,
                                    const torch::Tensor& mask, const torch::Tensor& target_mask,
                                    const RealTokens& real) {
  return in_block(
      shape_, is_training(), feed_forward_, real,
      [this, mask, target_mask](const torch::Tensor& h, const torch::Tensor& memory) {
        return attend(h, memory, mask, target_mask);
      },
      h_BLD, memory_BSD);
}

torch::Tensor DecoderLayer::step(const torch::Tensor& h_RD, const CachedRows& own,
                                 const CachedRows& memory, int64_t layer) {
  auto h = inferred(h_RD, *self_norm_, shape_,
                    [&](const torch::Tensor& x) { return self_->step(x, h_RD, own, layer); });
  h = inferred(h, *cross_norm_, shape_,
               [&](const torch::Tensor& x) { return cross_->step(x, h, memory, layer); });
  return feed_forward_ ? feed_forward_->infer(h) : h;
}

}  // namespace xp
