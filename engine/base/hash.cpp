// SHA-256 through Nettle, which uses the processor's own instructions for it.
#include "engine/base/hash.h"

#include "engine/base/error.h"

#include <fstream>
#include <nettle/sha2.h>

namespace xp {

Sha256::Sha256() {
  static_assert(sizeof(sha256_ctx) <= sizeof(state_));
  sha256_init(reinterpret_cast<sha256_ctx*>(state_.data()));
}

Sha256& Sha256::add(std::string_view bytes) {
  sha256_update(reinterpret_cast<sha256_ctx*>(state_.data()), bytes.size(),
                reinterpret_cast<const uint8_t*>(bytes.data()));
  return *this;
}

std::string Sha256::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<uint8_t, SHA256_DIGEST_SIZE> digest{};
  sha256_ctx state = *reinterpret_cast<const sha256_ctx*>(state_.data());
  sha256_digest(&state, digest.size(), digest.data());
  std::string out;
  for (const auto byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string sha256(std::string_view bytes) {
  return Sha256().add(bytes).hex();
}

std::string sha256_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) user_error("'{}' cannot be read", path);
  Sha256 hash;
  std::array<char, 1 << 16> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0)
    hash.add({piece.data(), static_cast<size_t>(in.gcount())});
  if (in.bad()) user_error("'{}' cannot be read to its end", path);
  return hash.hex();
}

std::string content_id(const Value& value) {
  return sha256(canonical_text(value)).substr(0, 16);
}

uint64_t seed_for(uint64_t run_seed, std::string_view stream, int64_t index) {
  const std::string hex = sha256(fmt::format("{}/{}/{}", run_seed, stream, index));
  return std::stoull(hex.substr(0, 16), nullptr, 16) >> 1;
}

}  // namespace xp
