// Named tensors in one file, in the safetensors format: u64 length, JSON header, raw little-endian
// bytes.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"

#include <torch/types.h>

#include <map>
#include <string>

namespace xp {

/// Writes all tensors and `metadata` (kept as one JSON text under "__metadata__") in one step: the
/// file is whole or not there. Raises kMachine.
void save_safetensors(const fs::path& path, const std::map<std::string, torch::Tensor>& tensors,
                      const Value& metadata);

/// A safetensors file, mapped; tensors are read when asked for. Raises kMachine where it is damaged
/// or cut short.
class Safetensors {
 public:
  explicit Safetensors(const fs::path& path);
  /// What save_safetensors was given; null in a file of another program.
  const Value& metadata() const { return metadata_; }
  bool has(const std::string& name) const { return header_.contains(name); }
  /// Copies the tensor `name` into `to`. Raises kMachine where it is missing or has another shape
  /// or type.
  void read(const std::string& name, torch::Tensor to) const;
  /// A new tensor of the file's own shape and type. Raises kMachine where it is missing.
  torch::Tensor get(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  void copy_bytes(const Value& about, torch::Tensor& to) const;
  fs::path path_;
  MappedFile file_;
  Value header_, metadata_;
  size_t data_ = 0;
};

}  // namespace xp
