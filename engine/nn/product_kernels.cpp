// Tiles whose sums stay in registers, with AMX in its tile registers.
#include "engine/nn/product_kernels.h"

#include "engine/base/lanes.h"

#include <algorithm>
#include <cpuid.h>
#include <cstring>
#include <immintrin.h>
#include <sys/syscall.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace xp {
namespace {

using Floats8 = float __attribute__((vector_size(32)));
using Integers8 = int32_t __attribute__((vector_size(32)));
using Floats4 = float __attribute__((vector_size(16)));
using Integers4 = int32_t __attribute__((vector_size(16)));

template <class Vector>
XP_INLINE Vector load(const void* from) {
  Vector out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

// What a vector of sums stands for, for one row and the columns from `column` on.
template <class Floats, class Sums>
XP_INLINE void finish(const Tile& tile, int64_t row, int64_t column, const Sums& sums) {
  constexpr int64_t kWidth = sizeof(Sums) / sizeof(float);
  float* y = tile.y + row * tile.y_stride + column;
  const float* added = tile.added == nullptr ? nullptr : tile.added + row * tile.y_stride + column;
  if (column + kWidth <= tile.columns) {
    Floats value;
    if constexpr (std::is_same_v<Floats, Sums>) {
      value = sums;
    } else {
      value = __builtin_convertvector(sums - load<Sums>(tile.excess + column), Floats) *
              (load<Floats>(tile.column_scale + column) * tile.row_scale[row]);
    }
    if (tile.bias != nullptr) value += load<Floats>(tile.bias + column);
    if (added != nullptr) value += load<Floats>(added);
    if (tile.relu) value = value < 0 ? Floats{} : value;
    std::memcpy(y, &value, sizeof value);
    return;
  }
  for (int64_t n = 0; n < tile.columns - column; ++n) {
    float value;
    if constexpr (std::is_same_v<Floats, Sums>) {
      value = sums[n];
    } else {
      value = static_cast<float>(sums[n] - tile.excess[column + n]) *
              (tile.column_scale[column + n] * tile.row_scale[row]);
    }
    if (tile.bias != nullptr) value += tile.bias[column + n];
    if (added != nullptr) value += added[n];
    y[n] = tile.relu && value < 0 ? 0 : value;
  }
}

// Two vectors of columns for each row: as many sums as there are registers, so that each value that
// is loaded is used often. A macro, because what `Kind` does needs the instructions of the function
// that it is inlined into.
#define XP_TILE_KERNEL(kName, kKind, ...)                               \
  template <int kRows>                                                  \
  __VA_ARGS__ void kName(const Tile& tile) {                            \
    using Sums = typename kKind::Sums;                                  \
    using Weights = typename kKind::Weights;                            \
    constexpr int64_t kWidth = sizeof(Weights) / sizeof(uint32_t);      \
    Sums sums[kRows][2] = {};                                           \
    const uint32_t* w = tile.weights;                                   \
    const uint32_t* next = tile.next;                                   \
    for (int64_t k = 0; k < tile.words; ++k, w += 2 * kWidth) {         \
      if (k % kStretch == 0) {                                          \
        for (int64_t i = 0; i < tile.num_next; ++i, next += kLineWords) \
          __builtin_prefetch(next, /*write=*/0, /*locality=*/2);        \
      }                                                                 \
      Weights left, right;                                              \
      std::memcpy(&left, w, sizeof left);                               \
      std::memcpy(&right, w + kWidth, sizeof right);                    \
      _Pragma("GCC unroll 16") for (int r = 0; r < kRows; ++r) {        \
        const uint32_t x = tile.x[r * tile.words + k];                  \
        kKind::add(sums[r][0], x, left);                                \
        kKind::add(sums[r][1], x, right);                               \
      }                                                                 \
    }                                                                   \
    _Pragma("GCC unroll 16") for (int r = 0; r < kRows; ++r) {          \
      finish<typename kKind::Floats>(tile, r, 0, sums[r][0]);           \
      finish<typename kKind::Floats>(tile, r, kWidth, sums[r][1]);      \
    }                                                                   \
  }

XP_INLINE float float_of(uint32_t bits) {
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

template <class Vector>
struct Fp32 {
  using Floats = Vector;
  using Sums = Vector;
  using Weights = Vector;
  static XP_INLINE void add(Sums& sums, uint32_t x, const Weights& w) { sums += float_of(x) * w; }
};

#define XP_V4 __attribute__((target("arch=x86-64-v4")))
#define XP_AVX2 __attribute__((target("avx2,fma")))
#define XP_VNNI __attribute__((target("arch=x86-64-v4,avx512vnni")))
#define XP_AMX __attribute__((target("arch=x86-64-v4,amx-tile,amx-int8,amx-bf16")))

struct Int16Sse2 {
  using Floats = Floats4;
  using Sums = Integers4;
  using Weights = Integers4;
  static XP_INLINE void add(Sums& sums, uint32_t x, const Weights& w) {
    const __m128i row = _mm_set1_epi32(static_cast<int32_t>(x));
    sums += reinterpret_cast<Sums>(_mm_madd_epi16(row, reinterpret_cast<__m128i>(w)));
  }
};

struct Int16Avx2 {
  using Floats = Floats8;
  using Sums = Integers8;
  using Weights = Integers8;
  XP_AVX2 static XP_INLINE void add(Sums& sums, uint32_t x, const Weights& w) {
    const __m256i row = _mm256_set1_epi32(static_cast<int32_t>(x));
    sums += reinterpret_cast<Sums>(_mm256_madd_epi16(row, reinterpret_cast<__m256i>(w)));
  }
};

struct BytesVnni {
  using Floats = Lanes;
  using Sums = IntegerLanes;
  using Weights = IntegerLanes;
  XP_VNNI static XP_INLINE void add(Sums& sums, uint32_t x, const Weights& w) {
    const __m512i row = _mm512_set1_epi32(static_cast<int32_t>(x));
    sums = reinterpret_cast<Sums>(
        _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), row, reinterpret_cast<__m512i>(w)));
  }
};

XP_TILE_KERNEL(fp32_v4, Fp32<Lanes>, XP_V4)
XP_TILE_KERNEL(fp32_avx2, Fp32<Floats8>, XP_AVX2)
XP_TILE_KERNEL(fp32_sse2, Fp32<Floats4>)
XP_TILE_KERNEL(int8_vnni, BytesVnni, XP_VNNI)
XP_TILE_KERNEL(int8_avx2, Int16Avx2, XP_AVX2)
XP_TILE_KERNEL(int8_sse2, Int16Sse2)

// AMX: a tile register has 16 rows of 16 words. Two of rows x two of weights.
constexpr int64_t kTileRows = 16, kTileWords = 16;

template <class Floats, class Sums>
XP_INLINE void finish_rows(const Tile& tile, const uint32_t* sums, int64_t first_row,
                           int64_t column) {
  for (int64_t row = first_row; row < std::min(first_row + kTileRows, tile.rows); ++row) {
    finish<Floats>(tile, row, column, load<Sums>(sums));
    sums += kTileWords;
  }
}

template <bool kIsInt8>
XP_AMX void multiply_amx(const Tile& tile) {
  using Sums = std::conditional_t<kIsInt8, IntegerLanes, Lanes>;
  constexpr int64_t kPanelBytes = 2 * kTileWords * 4;
  const bool has_second = tile.rows > kTileRows;
  const uint32_t *x = tile.x, *second = tile.x + kTileRows * tile.words, *next = tile.next;
  const uint32_t* w = tile.weights;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t k = 0; k < tile.words; k += kTileWords, w += 2 * kTileWords * kTileWords) {
    for (int64_t i = 0; i < kTileWords / kStretch * tile.num_next; ++i, next += kLineWords)
      __builtin_prefetch(next, /*write=*/0, /*locality=*/2);
    _tile_loadd(4, x + k, 4 * tile.words);
    _tile_loadd(6, w, kPanelBytes);
    _tile_loadd(7, w + kTileWords, kPanelBytes);
    if constexpr (kIsInt8) {
      _tile_dpbusd(0, 4, 6);
      _tile_dpbusd(1, 4, 7);
    } else {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (!has_second) continue;
    _tile_loadd(5, second + k, 4 * tile.words);
    if constexpr (kIsInt8) {
      _tile_dpbusd(2, 5, 6);
      _tile_dpbusd(3, 5, 7);
    } else {
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  alignas(64) uint32_t sums[kTileRows * kTileWords];
  _tile_stored(0, sums, 4 * kTileWords);
  finish_rows<Lanes, Sums>(tile, sums, 0, 0);
  _tile_stored(1, sums, 4 * kTileWords);
  finish_rows<Lanes, Sums>(tile, sums, 0, kTileWords);
  if (!has_second) return;
  _tile_stored(2, sums, 4 * kTileWords);
  finish_rows<Lanes, Sums>(tile, sums, kTileRows, 0);
  _tile_stored(3, sums, 4 * kTileWords);
  finish_rows<Lanes, Sums>(tile, sums, kTileRows, kTileWords);
}

// Of all eight tiles. Not on the stack: GCC takes the instruction to read 8 bytes of it.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_of_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
const TileShapes kTileShapes;

XP_AMX void configure_tiles() {
  _tile_loadconfig(&kTileShapes);
}

XP_AMX void release_tiles() {
  _tile_release();
}

// Whether the processor has AMX and the system lends this process its registers.
bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned kBf16 = 1U << 22, kTile = 1U << 24, kInt8 = 1U << 25;
  constexpr unsigned kAll = kBf16 | kTile | kInt8;
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return (d & kAll) == kAll && ::syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

// of_rows[r - 1] = function<r>.
#define XP_OF_ROWS(kFunction, kCount)                                    \
  []<size_t... kIndex>(std::index_sequence<kIndex...>) {                 \
    return std::vector<void (*)(const Tile&)>{kFunction<kIndex + 1>...}; \
  }                                                                      \
  (std::make_index_sequence<kCount>())

std::vector<ProductKernel> kernels_of(Precision precision) {
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  // "x86-64-v4" in words that Clang 14 knows.
  const bool has_v4 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  std::vector<ProductKernel> out;
  const auto add = [&](bool is_there, ProductKernel kernel) {
    if (is_there) out.push_back(std::move(kernel));
  };
  if (precision != Precision::kFp32 && has_v4 && has_amx()) {
    const bool is_int8 = precision == Precision::kInt8;
    void (*const multiply)(const Tile&) = is_int8 ? multiply_amx<true> : multiply_amx<false>;
    add(true, {.name = "amx",
               .word = is_int8 ? Word::kBytes : Word::kBf16,
               .panel = 2 * kTileWords,
               .granule = kTileRows,
               .padding = kTileWords,
               .of_rows = std::vector(2 * kTileRows, multiply),
               .begin = configure_tiles,
               .end = release_tiles});
  }
  constexpr int64_t kLine = kLineWords;
  if (precision == Precision::kInt8) {
    const bool has_vnni = has_v4 && __builtin_cpu_supports("avx512vnni");
    add(has_vnni, {"avx512-vnni", Word::kBytes, 32, 1, kLine, XP_OF_ROWS(int8_vnni, 14)});
    add(has_avx2, {"avx2", Word::kInt16, 16, 1, kLine, XP_OF_ROWS(int8_avx2, 6)});
    add(true, {"sse2", Word::kInt16, 8, 1, kLine, XP_OF_ROWS(int8_sse2, 4)});
    return out;
  }
  // Without AMX, products of bf16 pairs are no faster than those of what they stand for.
  const bool is_rounded = precision == Precision::kBf16;
  const Word word = is_rounded ? Word::kRoundedFp32 : Word::kFp32;
  const int64_t padding = is_rounded ? kLine : 1;
  add(has_v4, {"avx512", word, 32, 1, padding, XP_OF_ROWS(fp32_v4, 14)});
  add(has_avx2, {"avx2", word, 16, 1, padding, XP_OF_ROWS(fp32_avx2, 6)});
  add(true, {"sse2", word, 8, 1, padding, XP_OF_ROWS(fp32_sse2, 4)});
  return out;
}

}  // namespace

std::span<const ProductKernel> product_kernels(Precision precision) {
  static const std::vector<ProductKernel> fp32 = kernels_of(Precision::kFp32);
  static const std::vector<ProductKernel> bf16 = kernels_of(Precision::kBf16);
  static const std::vector<ProductKernel> int8 = kernels_of(Precision::kInt8);
  return precision == Precision::kFp32 ? fp32 : precision == Precision::kBf16 ? bf16 : int8;
}

}  // namespace xp
