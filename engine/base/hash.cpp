// SHA-256 through libmd.
#include "engine/base/hash.h"

#include "engine/base/error.h"

#include <array>
#include <fstream>
#include <sha256.h>

namespace xp {
namespace {

std::string finish(SHA256_CTX state) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256_Final(digest.data(), &state);
  std::string out;
  for (const auto byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace

Sha256::Sha256() {
  static_assert(sizeof(SHA256_CTX) <= sizeof(state_));
  SHA256_Init(reinterpret_cast<SHA256_CTX*>(state_.data()));
}

Sha256& Sha256::add(std::string_view bytes) {
  SHA256_Update(reinterpret_cast<SHA256_CTX*>(state_.data()),
                reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return *this;
}

std::string Sha256::hex() const {
  return finish(*reinterpret_cast<const SHA256_CTX*>(state_.data()));
}

std::string sha256(std::string_view bytes) {
  return Sha256().add(bytes).hex();
}

std::string sha256_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) user_error("'{}' cannot be read", path);
  SHA256_CTX state;
  SHA256_Init(&state);
  std::array<char, 1 << 16> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    SHA256_Update(&state, reinterpret_cast<const uint8_t*>(piece.data()),
                  static_cast<size_t>(in.gcount()));
  }
  if (in.bad()) user_error("'{}' cannot be read to its end", path);
  return finish(state);
}

std::string content_id(const Value& value) {
  return sha256(value.dump()).substr(0, 16);
}

uint64_t seed_for(uint64_t run_seed, std::string_view stream, int64_t index) {
  const std::string hex = sha256(fmt::format("{}/{}/{}", run_seed, stream, index));
  return std::stoull(hex.substr(0, 16), nullptr, 16) >> 1;
}

}  // namespace xp
