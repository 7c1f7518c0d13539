// The plain layers of a transformer: linear maps, normalisation, feed-forward, embeddings.
//
// Shapes: D model width, F inner width, V vocabulary; "..." any leading dimensions.
#pragma once

#include "engine/nn/init.h"
#include "engine/nn/packed_product.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>

namespace xp {

/// A copy of a weight matrix for products without gradient, made again if the matrix has changed by
/// operations of LibTorch. Optimizers write past it: modules clear their copies when training
/// begins.
class PackedCopy {
 public:
  /// Of the copies to come.
  void use(Precision precision);
  /// x_TK W' + bias + added, or relu of it; `bias` and `added` may be undefined. All are fp32,
  /// whatever the copy is. On the CPU a row has the same bits whatever rows come with it, and all
  /// threads work; on a device the product is LibTorch's, without a copy.
  torch::Tensor multiply(const torch::Tensor& weight_NK, const torch::Tensor& x_TK,
                         const torch::Tensor& bias_N, const torch::Tensor& added_TN,
                         bool relu = false);
  void clear() { weights_.reset(); }

 private:
  Precision precision_ = Precision::kFp32;
  std::unique_ptr<PackedWeights> weights_;
  const void* from_ = nullptr;  // what was copied: its address and version
  uint32_t version_ = 0;
};

/// y = x W' + b.
class Linear : public torch::nn::Module {
 public:
  /// Weights and bias U(-bound, bound), the bias zero if `zero_bias`; bound 0 means 1 /
  /// sqrt(in).
  Linear(int64_t in, int64_t out, const Init& init, double bound = 0, bool zero_bias = false);
  /// [..., in] -> [..., out]; relu of it if asked.
  torch::Tensor forward(const torch::Tensor& x, bool relu = false) const;
  /// y + added, or relu of it, without gradient: [T, in] -> [T, out]; `added` may be undefined. See
  /// PackedCopy.
  torch::Tensor infer(const torch::Tensor& x_TK, const torch::Tensor& added_TN = {},
                      bool relu = false) const;
  void train(bool on = true) override;
  /// Of `infer`.
  void use(Precision precision) { packed_.use(precision); }
  torch::Tensor weight, bias;

 private:
  mutable PackedCopy packed_;
};

/// Sets the precision of `infer` of all linear maps in a module.
void use_precision(torch::nn::Module& module, Precision precision);

/// Layer normalisation over the last dimension, eps 1e-5.
class Norm : public torch::nn::Module {
 public:
  explicit Norm(int64_t width);
  torch::Tensor forward(const torch::Tensor& x) const;
  torch::Tensor weight, bias;
};

/// W2 relu(W1 x): the inner layer of a transformer block, and an expert.
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(int64_t width, int64_t inner, const Init& init);
  torch::Tensor forward(const torch::Tensor& x) const;  ///< [..., D] -> [..., D]; no dropout
  /// The same plus `added`, which may be undefined, without gradient: [T, D] -> [T, D].
  torch::Tensor infer(const torch::Tensor& x_TD, const torch::Tensor& added_TD = {}) const;
  const Linear& first() const { return *first_; }
  const Linear& second() const { return *second_; }

 private:
  std::shared_ptr<Linear> first_, second_;
};

/// Pieces to vectors: table row x sqrt(D) + sinusoidal position (predecessor.md 6.1: [sin | cos],
/// first position 2).
class Embedding : public torch::nn::Module {
 public:
  Embedding(int64_t vocabulary, int64_t width, const Init& init);
  /// [B, L] -> [B, L, D].
  torch::Tensor forward(const torch::Tensor& piece_BL);
  /// One piece each: [T] at the positions [T], both in the host's memory -> [T, D].
  torch::Tensor at(const torch::Tensor& piece_T, const torch::Tensor& position_T);
  /// [B, L] -> [B, L, D], but pads on either side take no position, as in the predecessor.
  torch::Tensor forward_around_pads(const torch::Tensor& piece_BL);
  torch::Tensor weight;  ///< [V, D], the row of <pad> zero

 private:
  void prepare(int64_t positions);
  torch::Tensor position_PD_;  ///< grows as needed
};

}  // namespace xp
