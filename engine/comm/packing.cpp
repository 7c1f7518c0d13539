// Loops over one plane of a block at a time, which the compiler turns into vector instructions.
#include "engine/comm/packing.h"

#include "engine/base/error.h"
#include "engine/base/lanes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>
#include <zstd.h>

namespace xp {
namespace {

constexpr int64_t kBlock = 256, kHalf = kBlock / 2;
constexpr uint8_t kMaxOffset = 13, kZero = 14, kException = 15;
// Of Zstandard: higher ones search longer for repetitions, of which there are none.
constexpr int kLevel = 1;

// Of a block: the upper halves of fp32, which are bfloat16.
using Uppers = std::array<uint16_t, kBlock>;
using Codes = std::array<uint8_t, kBlock>;

XP_FOR_EACH_PROCESSOR void split(const uint32_t* values, uint16_t* upper, uint16_t* lower) {
  for (int64_t i = 0; i < kBlock; ++i) {
    upper[i] = static_cast<uint16_t>(values[i] >> 16);
    lower[i] = static_cast<uint16_t>(values[i]);
  }
}

XP_FOR_EACH_PROCESSOR void join(const uint16_t* upper, const uint16_t* lower, uint32_t* values) {
  for (int64_t i = 0; i < kBlock; ++i)
    values[i] = static_cast<uint32_t>(upper[i]) << 16 | lower[i];
}

// Writes the codes one by one and two in a byte; returns the base.
XP_FOR_EACH_PROCESSOR uint8_t encode(const uint16_t* upper, uint8_t* high, uint8_t* code,
                                     uint8_t* pairs) {
  std::array<uint8_t, kBlock> exponent;
  uint8_t base = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    exponent[i] = static_cast<uint8_t>(upper[i] >> 7);
    high[i] = static_cast<uint8_t>((upper[i] >> 8 & 0x80) | (upper[i] & 0x7f));
  }
  for (size_t i = 0; i < kBlock; ++i)
    base = std::max(base, exponent[i]);
  for (size_t i = 0; i < kBlock; ++i) {
    const auto offset = static_cast<uint8_t>(base - exponent[i]);
    const uint8_t near = offset <= kMaxOffset ? offset : kException;
    code[i] = exponent[i] == 0 ? kZero : near;
  }
  for (size_t i = 0; i < kHalf; ++i)
    pairs[i] = static_cast<uint8_t>(code[i] | code[i + kHalf] << 4);
  return base;
}

XP_FOR_EACH_PROCESSOR void decode(const uint8_t* pairs, const uint8_t* high, uint8_t base,
                                  uint8_t* code, uint16_t* upper) {
  for (size_t i = 0; i < kHalf; ++i) {
    code[i] = pairs[i] & 0xf;
    code[i + kHalf] = pairs[i] >> 4;
  }
  for (size_t i = 0; i < kBlock; ++i) {
    const auto exponent = static_cast<uint8_t>(code[i] == kZero ? 0 : base - code[i]);
    upper[i] = static_cast<uint16_t>((high[i] & 0x80) << 8 | exponent << 7 | (high[i] & 0x7f));
  }
}

bool has_exceptions(const Codes& codes) {
  return std::memchr(codes.data(), kException, codes.size()) != nullptr;
}

int64_t blocks_of(int64_t n) {
  return (n + kBlock - 1) / kBlock;
}

// Of a message's planes and of what is in its frame without exceptions.
int64_t plane_bytes(int64_t n, PackedFormat format) {
  return format == PackedFormat::kFp32 ? 3 * n : n;
}
int64_t code_bytes(int64_t n) {
  return (1 + kHalf) * blocks_of(n);
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// What a thread keeps from one message to the next.
struct Workplace {
  std::vector<uint8_t> content;  // of a frame
  std::unique_ptr<ZSTD_CCtx, FreeContext> encoder{ZSTD_createCCtx()};
  std::unique_ptr<ZSTD_DCtx, FreeContext> decoder{ZSTD_createDCtx()};
};

Workplace& workplace() {
  thread_local Workplace here;
  return here;
}

size_t checked(size_t result) {
  check(ZSTD_isError(result) == 0, "a packed message is whole");
  return result;
}

}  // namespace

int64_t most_packed_bytes(int64_t n, PackedFormat format) {
  return plane_bytes(n, format) +
         static_cast<int64_t>(ZSTD_compressBound(static_cast<size_t>(code_bytes(n) + n)));
}

int64_t pack(const void* values, int64_t n, PackedFormat format, uint8_t* message) {
  Workplace& here = workplace();
  auto& content = here.content;
  content.resize(static_cast<size_t>(code_bytes(n)));
  Uppers upper, lower;
  Codes codes, highs;
  for (int64_t block = 0; block < blocks_of(n); ++block) {
    const int64_t from = block * kBlock;
    const auto count = static_cast<size_t>(std::min(kBlock, n - from));
    if (format == PackedFormat::kFp32) {
      std::array<uint32_t, kBlock> bits{};
      std::memcpy(bits.data(), static_cast<const uint32_t*>(values) + from, 4 * count);
      split(bits.data(), upper.data(), lower.data());
      std::memcpy(message + n + 2 * from, lower.data(), 2 * count);
    } else {
      upper = {};
      std::memcpy(upper.data(), static_cast<const uint16_t*>(values) + from, 2 * count);
    }
    const auto at = static_cast<size_t>(blocks_of(n) + block * kHalf);
    content[static_cast<size_t>(block)] =
        encode(upper.data(), highs.data(), codes.data(), content.data() + at);
    std::memcpy(message + from, highs.data(), count);
    if (!has_exceptions(codes)) continue;
    for (size_t i = 0; i < count; ++i)
      if (codes[i] == kException) content.push_back(static_cast<uint8_t>(upper[i] >> 7));
  }
  const int64_t planes = plane_bytes(n, format);
  const auto room = static_cast<size_t>(most_packed_bytes(n, format) - planes);
  return planes +
         static_cast<int64_t>(checked(ZSTD_compressCCtx(here.encoder.get(), message + planes, room,
                                                        content.data(), content.size(), kLevel)));
}

void unpack(const uint8_t* message, int64_t readable, int64_t n, PackedFormat format,
            void* values) {
  Workplace& here = workplace();
  auto& content = here.content;
  content.resize(static_cast<size_t>(code_bytes(n) + n));
  const int64_t planes = plane_bytes(n, format);
  const auto frame = checked(
      ZSTD_findFrameCompressedSize(message + planes, static_cast<size_t>(readable - planes)));
  const size_t size = checked(ZSTD_decompressDCtx(here.decoder.get(), content.data(),
                                                  content.size(), message + planes, frame));
  auto exception = static_cast<size_t>(code_bytes(n));
  check(size >= exception, "a packed message has a code for each value");
  Uppers upper, lower;
  Codes codes, highs{};
  for (int64_t block = 0; block < blocks_of(n); ++block) {
    const int64_t from = block * kBlock;
    const auto count = static_cast<size_t>(std::min(kBlock, n - from));
    const auto at = static_cast<size_t>(blocks_of(n) + block * kHalf);
    std::memcpy(highs.data(), message + from, count);
    decode(content.data() + at, highs.data(), content[static_cast<size_t>(block)], codes.data(),
           upper.data());
    const size_t looked_at = has_exceptions(codes) ? count : 0;
    for (size_t i = 0; i < looked_at; ++i) {
      if (codes[i] != kException) continue;
      check(exception < size, "a packed message has the exponents of its exceptions");
      upper[i] = static_cast<uint16_t>((upper[i] & 0x807f) | content[exception++] << 7);
    }
    if (format == PackedFormat::kFp32) {
      std::array<uint32_t, kBlock> bits;
      std::memcpy(lower.data(), message + n + 2 * from, 2 * count);
      join(upper.data(), lower.data(), bits.data());
      std::memcpy(static_cast<uint32_t*>(values) + from, bits.data(), 4 * count);
    } else {
      std::memcpy(static_cast<uint16_t*>(values) + from, upper.data(), 2 * count);
    }
  }
}

}  // namespace xp
