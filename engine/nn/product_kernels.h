// The inner loops of products with packed weights: one kernel for each number format and generation
// of processors. No torch in here.
//
// Inputs are read in words of 32 bits: one fp32, two bf16 or int16, or four bytes, one after the
// other. A row is a list of words. Weights lie in panels of some outputs: for each word of inputs
// that word of every output, so that one instruction multiplies a word of a row with many outputs.
#pragma once

#include "registry/precision.h"

#include <cstdint>
#include <span>
#include <vector>

namespace xp {

/// What a word has.
enum class Word {
  kFp32,
  kRoundedFp32,  ///< with the values of bf16
  kBf16,         ///< two
  kInt16,        ///< two, of -127 .. 127: integers for processors without products of bytes
  kBytes,        ///< four: of a row 1 .. 255, 128 more than meant; of weights -127 .. 127
};

constexpr int64_t inputs_of(Word word) {
  return word <= Word::kRoundedFp32 ? 1 : word == Word::kBytes ? 4 : 2;
}
constexpr bool is_integer(Word word) {
  return word == Word::kInt16 || word == Word::kBytes;
}

/// A piece of a product: some rows x one panel.
struct Tile {
  const uint32_t* x;        ///< the first row; readable for a whole granule of rows
  const uint32_t* weights;  ///< of the panel
  int64_t words;            ///< of a row
  int64_t rows;
  const uint32_t* next;  ///< what is multiplied with later, of which this tile fetches some lines
  int64_t num_next;      ///< for every kStretch words
  float* y;
  int64_t y_stride;
  // Of integers: what a sum counts, and what each output's sum has too much. Else null.
  const float *row_scale, *column_scale;
  const int32_t* excess;
  const float *bias, *added;  ///< may be null
  bool relu;
  int64_t columns;  ///< of the panel that exist
};

constexpr int64_t kStretch = 8;
constexpr int64_t kLineWords = 16;  ///< of a cache line

/// How a processor multiplies.
struct ProductKernel {
  const char* name;
  Word word;
  int64_t panel;                                  ///< outputs
  int64_t granule;                                ///< rows: tiles begin at multiples of it
  int64_t padding;                                ///< rows have a multiple of so many words
  std::vector<void (*)(const Tile&)> of_rows;     ///< [r - 1] multiplies r rows
  void (*begin)() = nullptr, (*end)() = nullptr;  ///< around all tiles of a thread; may be null
};

/// Those that this processor has, the fastest first; never empty. kFp32 and kBf16 differ in the
/// last bits from one another, those of kInt8 agree.
std::span<const ProductKernel> product_kernels(Precision precision);

}  // namespace xp
