// Named tensors in one file, in the safetensors format: u64 length, JSON header, little-endian
// bytes. Reads and writes bytes only; engine/train/safetensors.h makes tensors of them.
//
// Source: https://github.com/huggingface/safetensors, README "Format". The header's "__metadata__"
// holds two texts of ours, which other readers ignore: "xp", the metadata as JSON, and "crc32", the
// checksum of each tensor (its type, shape and bytes) and, under the empty name, of "xp".
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

/// One tensor: its type by the format's name ("F32", "I64"), its shape, its bytes in row order.
struct TensorBytes {
  std::string type;
  std::vector<int64_t> shape;
  std::string_view bytes;  ///< not owned
};

/// Bytes of one element of a type, 0 if the format has no such type or elements smaller than a
/// byte.
size_t element_bytes(std::string_view type);

/// Writes all tensors and `metadata` in one step: the file is complete or does not exist. Raises
/// kMachine. Cost: reads every byte once more, for the checksums.
void write_tensor_file(const fs::path& path, const std::map<std::string, TensorBytes>& tensors,
                       const Value& metadata);

/// Such a file, mapped. Files of other programs have no checksums and no metadata of ours.
class TensorFile {
 public:
  /// Raises kMachine if the file is truncated or its header is damaged. Every tensor has as many
  /// bytes as its shape needs; what is in them is compared by `verify`.
  explicit TensorFile(const fs::path& path);

  const fs::path& path() const { return path_; }
  /// What write_tensor_file was given; null in a file of another program.
  const Value& metadata() const { return metadata_; }
  const std::map<std::string, TensorBytes>& tensors() const { return tensors_; }
  /// A hash of names, types, shapes and checksums; of all bytes if there are no checksums.
  std::string content_id() const;
  /// Whether the file has a checksum of every tensor.
  bool has_checksums() const { return !checksums_.empty(); }
  /// Raises kMachine if the file has a checksum of this tensor and it does not match. Cost: reads
  /// its bytes.
  void verify(const std::string& name) const;
  /// The same for all tensors.
  void verify() const;

 private:
  void parse_header(std::string_view text, std::string_view data);

  fs::path path_;
  MappedFile file_;
  std::map<std::string, TensorBytes> tensors_;
  std::map<std::string, uint32_t> checksums_;
  Value metadata_;
};

}  // namespace xp
