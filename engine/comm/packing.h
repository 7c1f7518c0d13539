// Packs floating-point values without loss, for slow links: exponents of neighbours are alike, so
// that 4 bits say most of them. fp32 takes 28.2 bits a value, bfloat16 12.2.
//
// A message of n values has a size that both ends know beforehand, so that none has to be sent:
//
//   rest     how many exceptions follow in a message of their own; 4 bytes
//   base     the largest exponent of each block of 256 values; 1 byte each
//   code     half a byte for each value: how far its exponent is below the base (0 to 13), 14 for
//            the exponent 0 (zeros), 15 for an exception
//   high     its sign and upper 7 bits of its mantissa; 1 byte each
//   low      fp32: the lower 16 bits of its mantissa
//   list     exponents of exceptions in order, at most one for 64 values; a byte each
//
// Values whose exponents differ more than that have exceptions left over, which follow in a second
// message: any bits come back as they were, infinities and NaNs, too.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace xp {

/// Whether a message of n values of a type is packed: fp32 or bfloat16, and enough of them for it
/// to be worth it.
bool is_packable(int64_t n, torch::ScalarType type);

/// Bytes of the message of n packable values.
int64_t packed_bytes(int64_t n, torch::ScalarType type);

/// Writes the message of `values`, contiguous, in the host's memory and packable, to `message`
/// [packed_bytes]. Returns the exceptions left over.
std::vector<uint8_t> pack(const torch::Tensor& values, uint8_t* message);

/// How many exceptions follow a message.
int64_t num_left_over(const uint8_t* message);

/// The values of a message and of what followed it, to `values`, contiguous and of the packed type.
void unpack(const uint8_t* message, const uint8_t* left_over, torch::Tensor values);

}  // namespace xp
