// Header and checksums; the bytes are the caller's or the mapped file's.
#include "results/runs/tensor_file.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json_numbers.h"
#include "engine/base/json_text.h"

#include <cstring>
#include <zlib.h>

namespace xp {
namespace {

uint32_t crc32_of(std::string_view bytes, uint32_t before = 0) {
  return static_cast<uint32_t>(
      ::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t crc32_of(const TensorBytes& tensor) {
  return crc32_of(tensor.bytes, crc32_of(tensor.type + json_text(Value(tensor.shape))));
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Whether shape and type need exactly these bytes; of types that xp does not know, nobody knows.
bool fits(const TensorBytes& tensor) {
  size_t bytes = element_bytes(tensor.type);
  if (bytes == 0) return true;
  for (const int64_t size : tensor.shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes)) return false;
  }
  return bytes == tensor.bytes.size();
}

}  // namespace

size_t element_bytes(std::string_view type) {
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  return type == "I8" || type == "U8" || type == "BOOL" ? 1 : 0;
}

void write_tensor_file(const fs::path& path, const std::map<std::string, TensorBytes>& tensors,
                       const Value& metadata) {
  const std::string ours = json_text(metadata);
  Value header = Value::object(), checksums = {{"", crc32_of(ours)}};
  std::vector<std::string_view> pieces(2);
  size_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.type},
                    {"shape", tensor.shape},
                    {"data_offsets", {at, at + tensor.bytes.size()}}};
    checksums[name] = crc32_of(tensor);
    at += tensor.bytes.size();
    pieces.push_back(tensor.bytes);
  }
  header["__metadata__"] = {{"xp", ours}, {"crc32", json_text(checksums)}};
  std::string text = json_text(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  pieces[0] = {reinterpret_cast<const char*>(&length), sizeof length};
  pieces[1] = text;
  write_atomic(path, pieces);
}

TensorFile::TensorFile(const fs::path& path) : path_(path), file_(path) {
  const std::string_view bytes = text_of(file_.bytes());
  uint64_t length = 0;
  if (bytes.size() >= sizeof length) std::memcpy(&length, bytes.data(), sizeof length);
  if (bytes.size() < sizeof length || length > bytes.size() - sizeof length)
    machine_error("checkpoint '{}' is truncated", path.string());
  try {
    parse_header(bytes.substr(sizeof length, length), bytes.substr(sizeof length + length));
  } catch (const Value::exception&) {
    machine_error("checkpoint '{}' is damaged: its header cannot be read", path.string());
  }
}

void TensorFile::parse_header(std::string_view text, std::string_view data) {
  const Value header = Value::parse(text);
  const Value others = header.value("__metadata__", Value::object());
  if (others.contains("xp") && others.size() != (others.contains("crc32") ? 2U : 1U))
    machine_error("checkpoint '{}' is damaged: its metadata has other keys", path_.string());
  const auto ours = others.value("xp", std::string("null"));
  metadata_ = Value::parse(ours);
  const Value sums = Value::parse(others.value("crc32", std::string("{}")));
  for (const auto& [name, sum] : sums.items())
    checksums_[name] = static_cast<uint32_t>(integer_from(sum));
  if (const auto of_ours = checksums_.extract(""); of_ours && of_ours.mapped() != crc32_of(ours))
    machine_error("checkpoint '{}' is damaged: its metadata has another checksum", path_.string());
  size_t end = 0;
  for (const auto& [name, about] : header.items()) {
    if (name == "__metadata__") continue;
    const auto from = static_cast<size_t>(integer_from(about.at("data_offsets").at(0)));
    const auto to = static_cast<size_t>(integer_from(about.at("data_offsets").at(1)));
    if (from > to || to > data.size())
      machine_error("checkpoint '{}' is truncated", path_.string());
    end = std::max(end, to);
    std::vector<int64_t> shape;
    for (const Value& size : about.at("shape"))
      shape.push_back(integer_from(size));
    auto& tensor =
        tensors_[name] = {about.at("dtype"), std::move(shape), data.substr(from, to - from)};
    if (!fits(tensor)) {
      machine_error("checkpoint '{}' is damaged: tensor '{}' has {} bytes, not those of {} {}",
                    path_.string(), name, to - from, tensor.type, json_text(Value(tensor.shape)));
    }
  }
  if (end != data.size())
    machine_error("checkpoint '{}' has {} bytes more than its header says", path_.string(),
                  data.size() - end);
}

std::string TensorFile::content_id() const {
  if (!has_checksums()) return sha256(text_of(file_.bytes()));
  Sha256 hash;
  for (const auto& [name, tensor] : tensors_)
    hash.add(json_text(
        {name, tensor.type, tensor.shape, checksums_.contains(name) ? checksums_.at(name) : 0}));
  return hash.hex();
}

void TensorFile::verify(const std::string& name) const {
  if (!has_checksums()) return;
  const auto known = checksums_.find(name);
  if (known != checksums_.end() && known->second == crc32_of(tensors_.at(name))) return;
  machine_error("checkpoint '{}' is damaged: tensor '{}' has another checksum", path_.string(),
                name);
}

void TensorFile::verify() const {
  for (const auto& [name, tensor] : tensors_)
    verify(name);
}

}  // namespace xp
