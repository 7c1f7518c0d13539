// Loops over one plane at a time, which the compiler turns into vector instructions.
#include "engine/comm/packing.h"

#include "engine/base/error.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace xp {
namespace {

constexpr int64_t kBlock = 256, kLeast = 512, kValuesPerException = 64;
constexpr int64_t kMaxOffset = 13;
constexpr uint8_t kZero = 14, kException = 15;

// fp32 as its upper 16 bits, which are a bfloat16, and its lower ones.
struct Halves {
  static constexpr int64_t kLowBytes = 2;
  static uint16_t upper(uint32_t bits) { return static_cast<uint16_t>(bits >> 16); }
  static uint16_t lower(uint32_t bits) { return static_cast<uint16_t>(bits); }
  static uint32_t joined(uint16_t upper, uint16_t lower) {
    return static_cast<uint32_t>(upper) << 16 | lower;
  }
};

// Where the parts of a message begin.
struct Layout {
  Layout(int64_t n, bool has_low)
      : bases(4),
        codes(bases + (n + kBlock - 1) / kBlock),
        high(codes + (n + 1) / 2),
        low(high + n),
        list(low + (has_low ? Halves::kLowBytes * n : 0)),
        capacity(n / kValuesPerException),
        end(list + capacity) {}
  int64_t bases, codes, high, low, list, capacity, end;
};

Layout layout_of(int64_t n, torch::ScalarType type) {
  return {n, type == torch::kFloat};
}

uint8_t exponent_of(uint16_t upper) {
  return static_cast<uint8_t>(upper >> 7);
}

// The exponents of at most one block, as codes; those of exceptions go to `exceptions`.
void encode(const uint16_t* upper, int64_t count, uint8_t* base, uint8_t* codes, uint8_t* high,
            std::vector<uint8_t>& exceptions) {
  uint8_t most = 0;
  for (int64_t i = 0; i < count; ++i)
    most = std::max(most, exponent_of(upper[i]));
  *base = most;
  std::array<uint8_t, kBlock + 1> code{};
  uint8_t is_any = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t exponent = exponent_of(upper[i]);
    const auto offset = static_cast<uint8_t>(most - exponent);
    const uint8_t near = offset <= kMaxOffset ? offset : kException;
    code[static_cast<size_t>(i)] = exponent == 0 ? kZero : near;
    is_any |= static_cast<uint8_t>(code[static_cast<size_t>(i)] == kException);
    high[i] = static_cast<uint8_t>((upper[i] >> 8 & 0x80) | (upper[i] & 0x7f));
  }
  for (int64_t i = 0; i < (count + 1) / 2; ++i) {
    const auto at = static_cast<size_t>(2 * i);
    codes[i] = static_cast<uint8_t>(code[at] | code[at + 1] << 4);
  }
  for (int64_t i = 0; is_any != 0 && i < count; ++i)
    if (code[static_cast<size_t>(i)] == kException) exceptions.push_back(exponent_of(upper[i]));
}

/// Exceptions of a message in order, and then those that followed it.
class Exceptions {
 public:
  Exceptions(const uint8_t* list, int64_t capacity, const uint8_t* left_over)
      : list_(list), capacity_(capacity), left_over_(left_over) {}
  uint8_t next() {
    const int64_t at = taken_++;
    return at < capacity_ ? list_[at] : left_over_[at - capacity_];
  }

 private:
  const uint8_t* list_;
  int64_t capacity_;
  const uint8_t* left_over_;
  int64_t taken_ = 0;
};

// At most one block.
void decode(const uint8_t* codes, const uint8_t* high, uint8_t base, int64_t count,
            Exceptions& exceptions, uint16_t* upper) {
  std::array<uint8_t, kBlock + 1> code{};
  for (int64_t i = 0; i < (count + 1) / 2; ++i) {
    const auto at = static_cast<size_t>(2 * i);
    code[at] = codes[i] & 0xf;
    code[at + 1] = codes[i] >> 4;
  }
  uint8_t is_any = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t c = code[static_cast<size_t>(i)];
    const auto exponent = static_cast<uint8_t>(c == kZero ? 0 : base - c);
    is_any |= static_cast<uint8_t>(c == kException);
    upper[i] = static_cast<uint16_t>((high[i] & 0x80) << 8 | exponent << 7 | (high[i] & 0x7f));
  }
  for (int64_t i = 0; is_any != 0 && i < count; ++i) {
    if (code[static_cast<size_t>(i)] != kException) continue;
    upper[i] = static_cast<uint16_t>((upper[i] & 0x807f) | exceptions.next() << 7);
  }
}

}  // namespace

bool is_packable(int64_t n, torch::ScalarType type) {
  return n >= kLeast && (type == torch::kFloat || type == torch::kBFloat16);
}

int64_t packed_bytes(int64_t n, torch::ScalarType type) {
  return layout_of(n, type).end;
}

std::vector<uint8_t> pack(const torch::Tensor& values, uint8_t* message) {
  const int64_t n = values.numel();
  check(values.is_contiguous() && values.is_cpu() && is_packable(n, values.scalar_type()),
        "values that are packed are contiguous and in the host's memory");
  const Layout layout = layout_of(n, values.scalar_type());
  const bool is_whole = values.scalar_type() == torch::kFloat;
  const auto* const bits = static_cast<const uint32_t*>(values.const_data_ptr());
  const auto* const halves = static_cast<const uint16_t*>(values.const_data_ptr());
  std::vector<uint8_t> exceptions;
  std::array<uint16_t, kBlock> block{};
  for (int64_t from = 0; from < n; from += kBlock) {
    const int64_t count = std::min(kBlock, n - from);
    const uint16_t* upper = halves + from;
    if (is_whole) {
      std::array<uint16_t, kBlock> low{};
      for (int64_t i = 0; i < count; ++i) {
        block[static_cast<size_t>(i)] = Halves::upper(bits[from + i]);
        low[static_cast<size_t>(i)] = Halves::lower(bits[from + i]);
      }
      std::memcpy(message + layout.low + Halves::kLowBytes * from, low.data(),
                  static_cast<size_t>(Halves::kLowBytes * count));
      upper = block.data();
    }
    encode(upper, count, message + layout.bases + from / kBlock, message + layout.codes + from / 2,
           message + layout.high + from, exceptions);
  }
  const auto here = std::min<size_t>(exceptions.size(), static_cast<size_t>(layout.capacity));
  std::copy_n(exceptions.begin(), here, message + layout.list);
  std::fill(message + layout.list + here, message + layout.end, uint8_t{0});
  exceptions.erase(exceptions.begin(), exceptions.begin() + static_cast<int64_t>(here));
  const auto rest = static_cast<uint32_t>(exceptions.size());
  std::memcpy(message, &rest, sizeof rest);
  return exceptions;
}

int64_t num_left_over(const uint8_t* message) {
  uint32_t out = 0;
  std::memcpy(&out, message, sizeof out);
  return out;
}

void unpack(const uint8_t* message, const uint8_t* left_over, torch::Tensor values) {
  const int64_t n = values.numel();
  check(values.is_contiguous() && values.is_cpu(), "values are unpacked in the host's memory");
  const Layout layout = layout_of(n, values.scalar_type());
  const bool is_whole = values.scalar_type() == torch::kFloat;
  auto* const bits = static_cast<uint32_t*>(values.data_ptr());
  auto* const halves = static_cast<uint16_t*>(values.data_ptr());
  Exceptions exceptions(message + layout.list, layout.capacity, left_over);
  std::array<uint16_t, kBlock> block{}, low{};
  for (int64_t from = 0; from < n; from += kBlock) {
    const int64_t count = std::min(kBlock, n - from);
    decode(message + layout.codes + from / 2, message + layout.high + from,
           message[layout.bases + from / kBlock], count, exceptions,
           is_whole ? block.data() : halves + from);
    if (!is_whole) continue;
    std::memcpy(low.data(), message + layout.low + Halves::kLowBytes * from,
                static_cast<size_t>(Halves::kLowBytes * count));
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      bits[from + i] = Halves::joined(block[at], low[at]);
    }
  }
}

}  // namespace xp
