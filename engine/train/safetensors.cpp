// The format: https://github.com/huggingface/safetensors, README "Format".
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

std::string_view bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), static_cast<size_t>(tensor.nbytes())};
}

}  // namespace

void save_safetensors(const fs::path& path, const std::map<std::string, torch::Tensor>& tensors,
                      const Value& metadata) {
  Value header = Value::object();
  header["__metadata__"] = {{"xp", json_text(metadata)}};
  std::vector<torch::Tensor> held;
  std::vector<std::string_view> pieces(2);
  size_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    held.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto bytes = bytes_of(held.back());
    header[name] = {{"dtype", type_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {at, at + bytes.size()}}};
    at += bytes.size();
    pieces.push_back(bytes);
  }
  std::string text = json_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  pieces[0] = {reinterpret_cast<const char*>(&length), sizeof length};
  pieces[1] = text;
  write_atomic(path, pieces);
}

Safetensors::Safetensors(const fs::path& path) : path_(path), file_(path) {
  const auto bytes = file_.bytes();
  uint64_t length = 0;
  if (bytes.size() >= sizeof length) std::memcpy(&length, bytes.data(), sizeof length);
  data_ = sizeof length + length;
  if (bytes.size() < sizeof length || length > bytes.size() || data_ > bytes.size()) {
    machine_error("checkpoint '{}' is cut short", path.string());
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + sizeof length;
  size_t end = 0;
  try {
    header_ = Value::parse(text, text + length);
    const Value others = header_.value("__metadata__", Value::object());
    if (others.contains("xp")) metadata_ = Value::parse(others.at("xp").get<std::string>());
    header_.erase("__metadata__");
    for (const auto& [name, about] : header_.items())
      end = std::max(end, about.at("data_offsets").at(1).get<size_t>());
  } catch (const Value::exception&) {
    machine_error("checkpoint '{}' is damaged: its header cannot be read", path.string());
  }
  if (data_ + end != bytes.size()) machine_error("checkpoint '{}' is cut short", path.string());
}

void Safetensors::read(const std::string& name, torch::Tensor to) const {
  const auto found = header_.find(name);
  if (found == header_.end())
    machine_error("checkpoint '{}' has no tensor '{}'", path_.string(), name);
  const bool fits = found->at("shape").get<std::vector<int64_t>>() == to.sizes().vec() &&
                    found->at("dtype") == type_name(to.scalar_type());
  if (!fits) {
    machine_error("tensor '{}' of checkpoint '{}' is {} {}, this model has {} {}", name,
                  path_.string(), found->at("dtype").get<std::string>(),
                  json_text(found->at("shape")), type_name(to.scalar_type()),
                  json_text(Value(to.sizes().vec())));
  }
  copy_bytes(*found, to);
}

torch::Tensor Safetensors::get(const std::string& name) const {
  const auto found = header_.find(name);
  if (found == header_.end()) machine_error("'{}' has no tensor '{}'", path_.string(), name);
  for (const auto& known : kTypes) {
    if (found->at("dtype") != known.name) continue;
    auto out = torch::empty(found->at("shape").get<std::vector<int64_t>>(), known.type);
    copy_bytes(*found, out);
    return out;
  }
  machine_error("tensor '{}' of '{}' is of the unknown type {}", name, path_.string(),
                json_text(found->at("dtype")));
}

void Safetensors::copy_bytes(const Value& about, torch::Tensor& to) const {
  const size_t first = about.at("data_offsets").at(0).get<size_t>();
  const size_t end = about.at("data_offsets").at(1).get<size_t>();
  if (end - first != to.nbytes()) machine_error("checkpoint '{}' is damaged", path_.string());
  auto copy = torch::empty(to.sizes(), to.options().device(torch::kCPU));
  std::memcpy(copy.data_ptr(), file_.bytes().data() + data_ + first,
              static_cast<size_t>(copy.nbytes()));
  to.copy_(copy);
}

std::vector<std::string> Safetensors::names() const {
  std::vector<std::string> out;
  for (const auto& [name, about] : header_.items())
    out.push_back(name);
  return out;
}

}  // namespace xp
