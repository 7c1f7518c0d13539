// Secrets that processes of one run share: made, and proved without being sent.
#pragma once

#include <string>
#include <string_view>

namespace xp {

/// `count` bytes from the kernel's random source. Raises kMachine.
std::string random_bytes(size_t count);

/// A fresh key in 32 hex digits, for an environment variable.
std::string random_key();

/// HMAC-SHA256 of `message` under `key`: 32 bytes. Who knows a message's proof knows the key.
std::string proof_of(std::string_view key, std::string_view message);

/// Whether two proofs are equal, in a time that does not tell where they differ.
bool is_same_proof(std::string_view a, std::string_view b);

}  // namespace xp
