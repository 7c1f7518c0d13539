// Content ids and named random streams.
#pragma once

#include "engine/base/value.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace xp {

/// SHA-256 as 64 hex digits.
std::string sha256(std::string_view bytes);

/// SHA-256 of a file's bytes, read in pieces. Raises kUser if it cannot be read.
std::string sha256_file(const std::string& path);

/// A SHA-256 in pieces; a copy continues from where it was made, so that texts with one beginning
/// share the work.
class Sha256 {
 public:
  Sha256();
  Sha256& add(std::string_view bytes);
  std::string hex() const;  ///< 64 digits, of what was added so far

 private:
  alignas(8) std::array<std::byte, 128> state_;
};

/// The first 16 hex digits of the SHA-256 of the canonical text: equal values have equal ids
/// everywhere.
std::string content_id(const Value& value);

/// A seed for one named stream of a run, e.g. seed_for(1, "dropout", rank). Streams do not overlap
/// by design of the hash, and adding one never changes another. 63 bits, so that it fits a signed
/// integer.
uint64_t seed_for(uint64_t run_seed, std::string_view stream, int64_t index = 0);

}  // namespace xp
