// Weights and rows into words, then tiles of rows x panel.
#include "engine/nn/packed_product.h"

#include "engine/base/error.h"
#include "engine/base/lanes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

namespace xp {
namespace {

constexpr float kMaxInt8 = 127;

// Adding it leaves the nearest integer in the lowest bits.
constexpr float kRound = 12582912.0F;  // 1.5 x 2^23

using ShortLanes = int16_t __attribute__((vector_size(32)));
using HalfWordLanes = uint16_t __attribute__((vector_size(32)));
using ByteLanes = uint8_t __attribute__((vector_size(16)));

// Beyond `count`: zeros.
XP_INLINE Lanes lanes_at(const float* x, int64_t i, int64_t count) {
  return i + kLanes <= count ? load_lanes(x + i)
         : i < count         ? load_lanes(x + i, count - i, 0)
                             : Lanes{};
}

using Bits = uint32_t __attribute__((vector_size(64)));

// Rounded to the nearest bf16, ties to even; NaN stays NaN.
XP_INLINE Bits rounded_bits(const Lanes& x) {
  Bits bits;
  std::memcpy(&bits, &x, sizeof bits);
  const Bits rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return x == x ? rounded : Bits{} + 0x7fc00000;
}

XP_FOR_EACH_PROCESSOR void to_rounded(const float* x, int64_t count, int64_t padded, uint32_t* to) {
  for (int64_t i = 0; i < padded; i += kLanes) {
    const Bits bits = rounded_bits(lanes_at(x, i, count)) & 0xffff0000;
    std::memcpy(to + i, &bits, sizeof bits);
  }
}

XP_FOR_EACH_PROCESSOR void to_bf16(const float* x, int64_t count, int64_t padded, uint16_t* to) {
  for (int64_t i = 0; i < padded; i += kLanes) {
    const auto halves =
        __builtin_convertvector(rounded_bits(lanes_at(x, i, count)) >> 16, HalfWordLanes);
    std::memcpy(to + i, &halves, sizeof halves);
  }
}

// The largest magnitude; NaN if one is not finite.
XP_FOR_EACH_PROCESSOR float magnitude_of(const float* x, int64_t count) {
  Lanes largest{}, none{};  // x - x is NaN unless x is finite
  for (int64_t i = 0; i < count; i += kLanes) {
    const Lanes value = lanes_at(x, i, count);
    largest = larger_of(value < 0 ? -value : value, largest);
    none += value - value;
  }
  return max_of(largest) + sum_of(none);
}

XP_INLINE IntegerLanes nearest(const Lanes& x) {
  const Lanes shifted = x + kRound;
  IntegerLanes bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return bits;
}

// x * factor, which is -127 .. 127, and 128 more in bytes.
XP_FOR_EACH_PROCESSOR void to_bytes(const float* x, int64_t count, int64_t padded, float factor,
                                    uint8_t* to) {
  for (int64_t i = 0; i < padded; i += kLanes) {
    const auto bytes =
        __builtin_convertvector(nearest(lanes_at(x, i, count) * factor) + 128, ByteLanes);
    std::memcpy(to + i, &bytes, sizeof bytes);
  }
}

XP_FOR_EACH_PROCESSOR void to_shorts(const float* x, int64_t count, int64_t padded, float factor,
                                     int16_t* to) {
  for (int64_t i = 0; i < padded; i += kLanes) {
    const auto shorts =
        __builtin_convertvector(nearest(lanes_at(x, i, count) * factor), ShortLanes);
    std::memcpy(to + i, &shorts, sizeof shorts);
  }
}

/// What integers of a row or an output are multiplied with, and the factor that makes them.
struct Scale {
  float scale, factor;
};

Scale scale_of(const float* x, int64_t count) {
  const float largest = magnitude_of(x, count), factor = kMaxInt8 / largest;
  // Of zeros, and of so small numbers that the factor is infinite, nothing is left.
  if (!std::isfinite(factor)) return {largest * 0, 0};
  return {largest / kMaxInt8, factor};
}

// Writes a row or the weights of an output; returns their scale, 1 unless they become integers.
float to_words(Word word, std::span<const float> x, int64_t words, uint32_t* to) {
  const auto count = static_cast<int64_t>(x.size()), padded = words * inputs_of(word);
  if (word == Word::kFp32) {
    std::memcpy(to, x.data(), x.size_bytes());
    return 1;
  }
  if (word == Word::kRoundedFp32 || word == Word::kBf16) {
    if (word == Word::kBf16)
      to_bf16(x.data(), count, padded, reinterpret_cast<uint16_t*>(to));
    else
      to_rounded(x.data(), count, padded, to);
    return 1;
  }
  const auto [scale, factor] = scale_of(x.data(), count);
  if (word == Word::kBytes)
    to_bytes(x.data(), count, padded, factor, reinterpret_cast<uint8_t*>(to));
  else
    to_shorts(x.data(), count, padded, factor, reinterpret_cast<int16_t*>(to));
  return scale;
}

int64_t rounded_up(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

}  // namespace

AlignedWords::AlignedWords(int64_t count) {
  if (count == 0) return;
  const auto bytes = static_cast<size_t>(rounded_up(4 * count, 64));
  words_.reset(static_cast<uint32_t*>(std::aligned_alloc(64, bytes)));
  if (!words_) throw std::bad_alloc();
}

PackedWeights::PackedWeights(const float* weight, int64_t N, int64_t K, const ProductKernel& kernel)
    : kernel_(kernel),
      inputs_(K),
      outputs_(N),
      words_(rounded_up((K + inputs_of(kernel.word) - 1) / inputs_of(kernel.word), kernel.padding)),
      panels_(num_panels() * kernel.panel * words_) {
  std::memset(panels_.data(), 0, static_cast<size_t>(4 * num_panels() * kernel.panel * words_));
  const AlignedWords row(words_);
  for (int64_t n = 0; n < N; ++n) {
    const float scale =
        to_words(kernel.word, {weight + n * K, static_cast<size_t>(K)}, words_, row.data());
    // Of bytes, those of rows only are 128 more.
    const uint32_t flipped = kernel.word == Word::kBytes ? 0x80808080 : 0;
    uint32_t* to = panels_.data() + n / kernel.panel * kernel.panel * words_ + n % kernel.panel;
    for (int64_t k = 0; k < words_; ++k)
      to[k * kernel.panel] = row.data()[k] ^ flipped;
    if (!is_integer(kernel.word)) continue;
    scale_.push_back(scale);
    int32_t sum = 0;
    for (int64_t i = 0; kernel.word == Word::kBytes && i < 4 * words_; ++i)
      sum += reinterpret_cast<const uint8_t*>(row.data())[i] - 128;
    excess_.push_back(128 * sum);
  }
}

PackedProduct::PackedProduct(const PackedWeights& weights, const ProductRows& rows)
    : weights_(weights),
      rows_(rows),
      words_(is_converting() ? rounded_up(rows.rows, weights.kernel_.granule) * weights.words_ : 0),
      scale_(is_integer(weights.kernel_.word) ? static_cast<size_t>(rows.rows) : 0) {}

void PackedProduct::convert(int64_t first_row, int64_t last_row) {
  const int64_t K = weights_.inputs_;
  for (int64_t r = first_row; r < last_row; ++r) {
    const float scale = to_words(weights_.kernel_.word, {rows_.x + r * K, static_cast<size_t>(K)},
                                 weights_.words_, words_.data() + r * weights_.words_);
    if (!scale_.empty()) scale_[static_cast<size_t>(r)] = scale;
  }
}

void PackedProduct::multiply(int64_t first_panel, int64_t last_panel) const {
  const ProductKernel& kernel = weights_.kernel_;
  const auto largest = static_cast<int64_t>(kernel.of_rows.size());
  // Tiles of about equal height: one of few rows would wait for its own sums.
  const int64_t granules = (rows_.rows + kernel.granule - 1) / kernel.granule;
  const int64_t num_tiles = (rows_.rows + largest - 1) / largest;
  const int64_t N = weights_.outputs_, words = weights_.words_;
  const uint32_t* x = is_converting() ? words_.data() : reinterpret_cast<const uint32_t*>(rows_.x);
  // The weights of the next panel are fetched while this one is used: they lie far away.
  const int64_t stretches = (words + kStretch - 1) / kStretch;
  const int64_t lines = kernel.panel * words / kLineWords;
  const int64_t num_next = (lines + num_tiles * stretches - 1) / (num_tiles * stretches);
  const auto from_column = [](const auto* list, int64_t column) {
    return list == nullptr ? nullptr : list + column;
  };
  if (kernel.begin != nullptr) kernel.begin();
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    const int64_t column = panel * kernel.panel;
    const uint32_t* panel_weights = weights_.panels_.data() + column * words;
    const uint32_t* next = panel_weights + kernel.panel * words;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const int64_t from = tile * granules / num_tiles * kernel.granule;
      const int64_t to = std::min((tile + 1) * granules / num_tiles * kernel.granule, rows_.rows);
      kernel.of_rows[static_cast<size_t>(to - from - 1)](
          {.x = x + from * words,
           .weights = panel_weights,
           .words = words,
           .rows = to - from,
           .next = next + tile * num_next * stretches * kLineWords,
           .num_next = num_next,
           .y = rows_.y + from * N + column,
           .y_stride = N,
           .row_scale = scale_.empty() ? nullptr : scale_.data() + from,
           .column_scale = scale_.empty() ? nullptr : weights_.scale_.data() + column,
           .excess = scale_.empty() ? nullptr : weights_.excess_.data() + column,
           .bias = from_column(rows_.bias, column),
           .added = from_column(rows_.added, from * N + column),
           .relu = rows_.relu,
           .columns = std::min(kernel.panel, N - column)});
    }
  }
  if (kernel.end != nullptr) kernel.end();
}

}  // namespace xp
