// Keys and proofs.
#include "engine/base/secret.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

namespace xp {
namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char byte : bytes)
    out += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return out;
}

TEST_CASE("proofs are HMAC-SHA256 (RFC 4231, cases 1 and 2)") {
  CHECK(hex(proof_of(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(proof_of("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("keys have 32 hex digits and never come twice") {
  const std::string key = random_key();
  CHECK(key.size() == 32);
  CHECK(key.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(random_key() != key);
}

TEST_CASE("proofs are compared as a whole") {
  CHECK(is_same_proof("abc", "abc"));
  CHECK_FALSE(is_same_proof("abc", "abd"));
  CHECK_FALSE(is_same_proof("abc", "abcd"));
}

}  // namespace
}  // namespace xp
