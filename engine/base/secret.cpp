// HMAC through Nettle.
#include "engine/base/secret.h"

#include "engine/base/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <sys/random.h>

namespace xp {
namespace {

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  for (size_t filled = 0; filled < count;) {
    const ssize_t got = ::getrandom(out.data() + filled, count - filled, 0);
    if (got < 0 && errno != EINTR)
      machine_error("the kernel gives no random bytes: {}", std::strerror(errno));
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return out;
}

std::string random_key() {
  std::string out;
  for (const char byte : random_bytes(16))
    out += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return out;
}

std::string proof_of(std::string_view key, std::string_view message) {
  hmac_sha256_ctx state{};
  hmac_sha256_set_key(&state, key.size(), bytes_of(key));
  hmac_sha256_update(&state, message.size(), bytes_of(message));
  std::string out(SHA256_DIGEST_SIZE, '\0');
  hmac_sha256_digest(&state, out.size(), reinterpret_cast<uint8_t*>(out.data()));
  return out;
}

bool is_same_proof(std::string_view a, std::string_view b) {
  return a.size() == b.size() && memeql_sec(a.data(), b.data(), a.size()) != 0;
}

}  // namespace xp
