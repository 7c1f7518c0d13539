// Sums and divides.
#include "results/runs/tensor_mean.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"

#include <cstring>

namespace xp {
namespace {

using Files = std::vector<std::shared_ptr<const TensorFile>>;

template <class T>
std::string mean_as(const Files& files, const std::string& name) {
  std::string out(files.front()->tensors().at(name).bytes.size(), '\0');
  std::vector<double> sums(out.size() / sizeof(T));
  for (const auto& file : files) {
    const char* bytes = file->tensors().at(name).bytes.data();
    for (size_t i = 0; i < sums.size(); ++i) {
      T value{};
      std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
      sums[i] += static_cast<double>(value);
    }
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    const auto value = static_cast<T>(sums[i] / static_cast<double>(files.size()));
    std::memcpy(out.data() + i * sizeof(T), &value, sizeof(T));
  }
  return out;
}

}  // namespace

std::string mean_of(const Files& files, const std::string& name) {
  if (files.empty()) user_error("there is no checkpoint to average");
  const TensorBytes* first = nullptr;
  for (const auto& file : files) {
    const auto found = file->tensors().find(name);
    if (found == file->tensors().end())
      user_error("checkpoint '{}' has no tensor '{}'", file->path().string(), name);
    file->verify(name);
    const TensorBytes& tensor = found->second;
    if (first == nullptr) first = &tensor;
    if (tensor.type == first->type && tensor.shape == first->shape) continue;
    user_error("tensor '{}' is {} {} in '{}' but {} {} in '{}'; average checkpoints of one model",
               name, first->type, json_text(Value(first->shape)), files.front()->path().string(),
               tensor.type, json_text(Value(tensor.shape)), file->path().string());
  }
  if (first->type == "F32") return mean_as<float>(files, name);
  if (first->type == "F64") return mean_as<double>(files, name);
  user_error("tensor '{}' is {}; only F32 and F64 can be averaged", name, first->type);
}

}  // namespace xp
