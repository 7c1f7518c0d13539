// Tensors in a file in the safetensors format; see results/runs/tensor_file.h.
#pragma once

#include "results/runs/tensor_file.h"

#include <torch/types.h>

#include <map>
#include <string>

namespace xp {

/// Writes all tensors and `metadata` in one step: the file is complete or does not exist. Raises
/// kMachine.
void save_safetensors(const fs::path& path, const std::map<std::string, torch::Tensor>& tensors,
                      const Value& metadata);

/// A safetensors file, mapped; tensors are copied, and compared with their checksums, when they are
/// asked for. Raises kMachine if the file or a tensor is damaged.
class Safetensors {
 public:
  explicit Safetensors(const fs::path& path) : file_(path) {}
  /// What save_safetensors was given; null in a file of another program.
  const Value& metadata() const { return file_.metadata(); }
  bool has(const std::string& name) const { return file_.tensors().contains(name); }
  /// Raises kMachine if it is missing.
  const std::vector<int64_t>& shape(const std::string& name) const { return stored(name).shape; }
  /// Copies the tensor `name` into `to`. Raises kMachine if it is missing or has another shape or
  /// type.
  void read(const std::string& name, torch::Tensor to) const;
  /// A new tensor of the file's own shape and type. Raises kMachine if it is missing.
  torch::Tensor get(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  const TensorBytes& stored(const std::string& name) const;
  void copy(const std::string& name, const TensorBytes& from, torch::Tensor& to) const;

  TensorFile file_;
};

}  // namespace xp
