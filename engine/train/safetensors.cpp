// Bytes to tensors and back.
#include "engine/train/safetensors.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"

#include <cstring>

namespace xp {
namespace {

struct TypeName {
  torch::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {
    {torch::kFloat, "F32"}, {torch::kDouble, "F64"}, {torch::kBFloat16, "BF16"},
    {torch::kHalf, "F16"},  {torch::kLong, "I64"},   {torch::kInt, "I32"},
    {torch::kByte, "U8"},   {torch::kBool, "BOOL"},
};

const char* type_name(torch::ScalarType type) {
  for (const auto& known : kTypes)
    if (known.type == type) return known.name;
  throw Error(Blame::kBug, "a checkpoint holds a tensor of a type without a name");
}

}  // namespace

void save_safetensors(const fs::path& path, const std::map<std::string, torch::Tensor>& tensors,
                      const Value& metadata) {
  std::vector<torch::Tensor> held;
  std::map<std::string, TensorBytes> bytes;
  for (const auto& [name, tensor] : tensors) {
    const auto& one = held.emplace_back(tensor.detach().to(torch::kCPU).contiguous());
    bytes[name] = {type_name(one.scalar_type()),
                   one.sizes().vec(),
                   {static_cast<const char*>(one.data_ptr()), static_cast<size_t>(one.nbytes())}};
  }
  write_tensor_file(path, bytes, metadata);
}

const TensorBytes& Safetensors::stored(const std::string& name) const {
  const auto found = file_.tensors().find(name);
  if (found == file_.tensors().end())
    machine_error("checkpoint '{}' has no tensor '{}'", file_.path().string(), name);
  return found->second;
}

void Safetensors::copy(const std::string& name, const TensorBytes& from, torch::Tensor& to) const {
  file_.verify(name);
  if (to.is_contiguous() && to.is_cpu()) {
    std::memcpy(to.data_ptr(), from.bytes.data(), from.bytes.size());
    return;
  }
  const auto flat = torch::empty(to.sizes(), to.options().device(torch::kCPU));
  std::memcpy(flat.data_ptr(), from.bytes.data(), from.bytes.size());
  to.copy_(flat);
}

void Safetensors::read(const std::string& name, torch::Tensor to) const {
  const TensorBytes& from = stored(name);
  if (from.shape != to.sizes().vec() || from.type != type_name(to.scalar_type())) {
    machine_error("tensor '{}' of checkpoint '{}' is {} {}, this model has {} {}", name,
                  file_.path().string(), from.type, json_text(Value(from.shape)),
                  type_name(to.scalar_type()), json_text(Value(to.sizes().vec())));
  }
  copy(name, from, to);
}

torch::Tensor Safetensors::get(const std::string& name) const {
  const TensorBytes& from = stored(name);
  for (const auto& known : kTypes) {
    if (from.type != known.name) continue;
    auto out = torch::empty(from.shape, known.type);
    copy(name, from, out);
    return out;
  }
  machine_error("tensor '{}' of '{}' has type '{}', which xp does not know", name,
                file_.path().string(), from.type);
}

std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> out;
  for (const auto& [name, tensor] : file_.tensors())
    out.push_back(name);
  return out;
}

}  // namespace xp
