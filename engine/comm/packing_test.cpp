// What is packed comes back bit for bit, whatever it is.
#include "engine/comm/packing.h"

#include "engine/base/packed_values.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstring>
#include <limits>

namespace xp {
namespace {

torch::Tensor normal(int64_t n, double scale = 1) {
  return torch::randn({n}, at::detail::createCPUGenerator(7)) * scale;
}

// Packs and unpacks; the number of exceptions that the message had no room for, or -1 if a bit
// changed.
int64_t left_over(const torch::Tensor& values) {
  const auto bytes = static_cast<size_t>(packed_bytes(values.numel(), values.scalar_type()));
  std::vector<uint8_t> message(bytes + 1, 0xab);
  const auto rest = pack(values, message.data());
  auto back = torch::full_like(values, 3);
  unpack(message.data(), rest.data(), back);
  const bool is_same =
      message[bytes] == 0xab &&
      num_left_over(message.data()) == static_cast<int64_t>(rest.size()) &&
      std::memcmp(values.const_data_ptr(), back.const_data_ptr(), values.nbytes()) == 0;
  return is_same ? static_cast<int64_t>(rest.size()) : -1;
}

TEST_CASE("values of one scale fit their message, whatever the scale and the number") {
  for (const double scale : {1e-30, 1e-3, 1.0, 1e30}) {
    for (const int64_t n : {512, 513, 1000, 4096, 65537}) {
      CHECK(left_over(normal(n, scale)) == 0);
      CHECK(left_over(normal(n, scale).to(torch::kBFloat16)) == 0);
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
  // An infinity has the largest exponent, so that most of its block are exceptions; 32 have room.
  CHECK(left_over(values) > 0);
  CHECK(left_over(values.to(torch::kBFloat16)) > 0);
  CHECK(left_over(torch::zeros({1024})) == 0);
}

TEST_CASE("values of all scales at once leave exceptions over and come back, too") {
  auto values = torch::empty({5000});
  for (int64_t i = 0; i < values.numel(); ++i)
    values[i] = std::ldexp(i % 2 == 0 ? 1.5F : -1.25F, static_cast<int>(i * 37 % 250) - 125);
  CHECK(left_over(values) > 3000);
  CHECK(left_over(values.to(torch::kBFloat16)) > 3000);
  for (uint32_t seed = 1; seed < 20; ++seed) {  // any bits
    auto bits = torch::empty({777}, torch::kInt);
    auto* const first = reinterpret_cast<uint32_t*>(bits.data_ptr<int32_t>());
    uint32_t state = seed;
    for (int64_t i = 0; i < bits.numel(); ++i)
      first[i] = state = state * 1664525 + 1013904223;
    CHECK(left_over(bits.view(torch::kFloat)) >= 0);
    CHECK(left_over(bits.view(torch::kBFloat16)) >= 0);
  }
}

TEST_CASE("a message has the bytes that predictions count") {
  const auto saved = [](torch::ScalarType type, double bytes) {
    return bytes - static_cast<double>(packed_bytes(1 << 20, type)) / (1 << 20);
  };
  CHECK(std::abs(saved(torch::kFloat, 4) - kPackedSaving) < 1e-5);
  CHECK(std::abs(saved(torch::kBFloat16, 2) - kPackedSaving) < 1e-5);
  CHECK(packed_bytes(512, torch::kFloat) == 4 + 2 + 256 + 512 + 1024 + 8);
}

TEST_CASE("short messages and other types are sent as they are") {
  CHECK(is_packable(512, torch::kFloat));
  CHECK(is_packable(512, torch::kBFloat16));
  CHECK_FALSE(is_packable(511, torch::kFloat));
  CHECK_FALSE(is_packable(512, torch::kHalf));
  CHECK_FALSE(is_packable(512, torch::kLong));
}

}  // namespace
}  // namespace xp
