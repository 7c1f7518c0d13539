// Packs floating-point values without loss, for slow links: exponents of neighbours are alike, so
// that less than 3 of their 8 bits are left. fp32 takes about 26.6 bits a value, bfloat16 10.6. No
// torch in here, so that the loops are compiled for every generation of processors.
//
// A message of n values:
//
//   high     sign and upper 7 bits of the mantissa; 1 byte each
//   low      fp32: lower 16 bits of the mantissa
//   frame    of Zstandard (RFC 8878), with
//     base     the largest exponent of each block of 256 values; 1 byte each
//     code     half a byte for each value, in 128 bytes for each block: how far its exponent is
//              below the base (0 to 13), 14 for the exponent 0 (zeros), 15 for an exception
//     list     exponents of exceptions in order; 1 byte each
//
// Any bits come back as they were, infinities and NaNs, too.
#pragma once

#include <cstdint>

namespace xp {

enum class PackedFormat { kFp32, kBf16 };

/// Fewer values are not worth it.
constexpr int64_t kLeastPacked = 512;

/// No message of n values is longer, in bytes.
int64_t most_packed_bytes(int64_t n, PackedFormat format);

/// Writes the message of n values to `message` [most_packed_bytes]; returns its bytes. For any
/// thread.
int64_t pack(const void* values, int64_t n, PackedFormat format, uint8_t* message);

/// The n values of a message, of which `message` is the beginning and `readable` the bytes that may
/// be read, to `values`. Raises kInternal if it is not one. For any thread.
void unpack(const uint8_t* message, int64_t readable, int64_t n, PackedFormat format, void* values);

}  // namespace xp
