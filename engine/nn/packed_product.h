// Products with fixed weights, for decoding: the weights lie in the order in which they are read,
// and a row's result has the same bits whatever rows are multiplied with it. No torch in here, so
// that the loops are compiled for every generation of processors.
//
// Shapes: R rows, K inputs, N outputs.
//
// Rows of int8 have scales of their own. LibTorch's quantized products (FBGEMM, oneDNN) have one
// for all rows, so that a hypothesis would depend on which others are decoded with it.
#pragma once

#include "engine/nn/product_kernels.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace xp {

/// Words that are not initialised, at the beginning of a cache line.
class AlignedWords {
 public:
  explicit AlignedWords(int64_t count);
  uint32_t* data() const { return words_.get(); }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint32_t[], Free> words_;
};

/// A copy of the weights of y = x W', as a kernel reads them.
class PackedWeights {
 public:
  /// `weight` is [N, K]; `kernel` outlives this.
  PackedWeights(const float* weight, int64_t N, int64_t K, const ProductKernel& kernel);
  int64_t outputs() const { return outputs_; }
  /// The outputs are in panels, which threads can work on at the same time.
  int64_t num_panels() const { return (outputs_ + kernel_.panel - 1) / kernel_.panel; }

 private:
  friend class PackedProduct;

  const ProductKernel& kernel_;
  int64_t inputs_, outputs_, words_;  // words of a row
  AlignedWords panels_;               // [panel][words][outputs of a panel], zeros beyond N and K
  std::vector<float> scale_;          // of integers, [N]: weight / scale is -127 .. 127
  std::vector<int32_t> excess_;       // of bytes, [N]: what 128 more in each input add to the sum
};

/// The operands of a product beside the weights.
struct ProductRows {
  const float* x = nullptr;  ///< [R, K]
  int64_t rows = 0;
  const float* bias = nullptr;   ///< [N]; may be null
  const float* added = nullptr;  ///< [R, N]; may be null or `y`
  bool relu = false;
  float* y = nullptr;  ///< [R, N]
};

/// y = x W' + bias + added, or relu of it, in two parts, each of which threads can share.
class PackedProduct {
 public:
  PackedProduct(const PackedWeights& weights, const ProductRows& rows);
  /// Whether `convert` has anything to do.
  bool is_converting() const { return weights_.kernel_.word != Word::kFp32; }
  /// Brings some rows into the form in which they are multiplied: all rows before `multiply`. A row
  /// that is not finite has results that are NaN.
  void convert(int64_t first_row, int64_t last_row);
  /// Some of the panels. In fp32 each output is one sum over the inputs in their order, with fused
  /// multiply-add if the processor has it.
  void multiply(int64_t first_panel, int64_t last_panel) const;

 private:
  const PackedWeights& weights_;
  ProductRows rows_;
  AlignedWords words_;        // of the rows, unless they are fp32
  std::vector<float> scale_;  // of each row: x / scale is -127 .. 127
};

}  // namespace xp
