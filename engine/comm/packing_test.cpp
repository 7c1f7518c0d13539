// What is packed comes back bit for bit, whatever it is.
#include "engine/comm/packing.h"

#include "engine/base/error.h"
#include "engine/base/packed_values.h"

#include <catch2/catch_test_macros.hpp>
#include <torch/types.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace xp {
namespace {

torch::Tensor normal(int64_t n, double scale = 1) {
  return torch::randn({n}, at::detail::createCPUGenerator(7)) * scale;
}

PackedFormat format_of(const torch::Tensor& values) {
  return values.scalar_type() == torch::kFloat ? PackedFormat::kFp32 : PackedFormat::kBf16;
}

std::vector<uint8_t> message_of_values(const torch::Tensor& values) {
  const int64_t n = values.numel();
  std::vector<uint8_t> message(static_cast<size_t>(most_packed_bytes(n, format_of(values))));
  message.resize(
      static_cast<size_t>(pack(values.const_data_ptr(), n, format_of(values), message.data())));
  return message;
}

// Packs and unpacks; the bits of a value on the way, or 0 if a bit changed.
double packed_bits(const torch::Tensor& values) {
  const int64_t n = values.numel();
  auto message = message_of_values(values);
  const auto bytes = static_cast<int64_t>(message.size());
  message.resize(static_cast<size_t>(most_packed_bytes(n, format_of(values))), 0xab);
  auto back = torch::full_like(values, 3);
  unpack(message.data(), static_cast<int64_t>(message.size()), n, format_of(values),
         back.data_ptr());
  if (std::memcmp(values.const_data_ptr(), back.const_data_ptr(), values.nbytes()) != 0) return 0;
  return 8 * static_cast<double>(bytes) / static_cast<double>(n);
}

TEST_CASE("values of one scale take a sixth less of fp32, whatever the scale and the number") {
  for (const double scale : {1e-30, 1e-3, 1.0, 1e30}) {
    for (const int64_t n : {512, 513, 1000, 4096, 65537}) {
      INFO(n << " of " << scale);
      const double fp32 = packed_bits(normal(n, scale));
      CHECK(fp32 > 26);
      CHECK(fp32 < (n < 4096 ? 28.5 : 27));
      const double bf16 = packed_bits(normal(n, scale).to(torch::kBFloat16));
      CHECK(bf16 > 10);
      CHECK(bf16 < (n < 4096 ? 12.5 : 11));
    }
  }
}

TEST_CASE("zeros, infinities, NaNs and denormal values come back as they were") {
  auto values = normal(2048);
  values.slice(0, 100, 700).zero_();
  values[3] = -0.0;
  values[4] = std::numeric_limits<float>::infinity();
  values[5] = -std::numeric_limits<float>::infinity();
  values[6] = std::nanf("0x123");
  values[7] = 1e-42;
  values[8] = std::numeric_limits<float>::max();
  CHECK(packed_bits(values) > 0);
  CHECK(packed_bits(values.to(torch::kBFloat16)) > 0);
  CHECK(packed_bits(torch::zeros({1024})) < 24.5);
}

TEST_CASE("values of all scales at once and any bits come back as they were") {
  auto values = torch::empty({5000});
  for (int64_t i = 0; i < values.numel(); ++i)
    values[i] = std::ldexp(i % 2 == 0 ? 1.5F : -1.25F, static_cast<int>(i * 37 % 250) - 125);
  CHECK(packed_bits(values) > 0);
  CHECK(packed_bits(values.to(torch::kBFloat16)) > 0);
  for (uint32_t seed = 1; seed < 20; ++seed) {
    auto bits = torch::empty({777}, torch::kInt);
    auto* const first = reinterpret_cast<uint32_t*>(bits.data_ptr<int32_t>());
    uint32_t state = seed;
    for (int64_t i = 0; i < bits.numel(); ++i)
      first[i] = state = state * 1664525 + 1013904223;
    CHECK(packed_bits(bits.view(torch::kFloat)) > 0);
    CHECK(packed_bits(bits.view(torch::kBFloat16)) > 0);
  }
}

TEST_CASE("a message that is cut off or changed is not unpacked") {
  const auto values = normal(1000);
  const auto message = message_of_values(values);
  auto back = torch::empty_like(values);
  const auto unpacked = [&](const std::vector<uint8_t>& bytes) {
    unpack(bytes.data(), static_cast<int64_t>(bytes.size()), 1000, PackedFormat::kFp32,
           back.data_ptr());
  };
  CHECK_NOTHROW(unpacked(message));
  auto cut = message;
  cut.pop_back();
  CHECK_THROWS_AS(unpacked(cut), Error);
  auto other = message;
  other[3000] ^= 1;  // of the frame's first word
  CHECK_THROWS_AS(unpacked(other), Error);
}

TEST_CASE("predictions count the bytes that values of one scale save") {
  const double fp32 = 4 - packed_bits(normal(1 << 20)) / 8;
  CHECK(std::abs(fp32 - kPackedSaving) < 0.02);
  const double bf16 = 2 - packed_bits(normal(1 << 20).to(torch::kBFloat16)) / 8;
  CHECK(std::abs(bf16 - kPackedSaving) < 0.02);
}

}  // namespace
}  // namespace xp
