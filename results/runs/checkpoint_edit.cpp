// Reads tensors, renames or averages them, writes them.
#include "results/runs/checkpoint_edit.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "results/runs/tensor_file.h"
#include "results/runs/tensor_mean.h"

#include <deque>

namespace xp {

bool is_optimizer_state(std::string_view name) {
  return name.starts_with("optimizer.");
}

void average_checkpoints(const std::vector<fs::path>& inputs, const fs::path& output) {
  std::vector<std::shared_ptr<const TensorFile>> files;
  Value of = Value::array();
  for (const auto& input : inputs) {
    files.push_back(std::make_shared<TensorFile>(input));
    of.push_back(input.filename().string());
  }
  if (files.empty()) user_error("there is no checkpoint to average");
  std::deque<std::string> means;
  std::map<std::string, TensorBytes> tensors;
  for (const auto& [name, tensor] : files.front()->tensors()) {
    if (is_optimizer_state(name)) continue;
    tensors[name] = {tensor.type, tensor.shape, means.emplace_back(mean_of(files, name))};
  }
  write_tensor_file(output, tensors, {{"mean_of", of}});
}

void export_checkpoint(const fs::path& input, const fs::path& output,
                       const std::map<std::string, std::string>& names) {
  const TensorFile file(input);
  std::map<std::string, TensorBytes> tensors;
  for (const auto& [name, tensor] : file.tensors()) {
    if (is_optimizer_state(name)) continue;
    file.verify(name);
    const auto renamed = names.find(name);
    const std::string& to = renamed == names.end() ? name : renamed->second;
    if (!tensors.emplace(to, tensor).second) user_error("two parameters would be named '{}'", to);
  }
  std::vector<std::string> known;
  for (const auto& [name, tensor] : file.tensors())
    known.push_back(name);
  for (const auto& [name, to] : names) {
    if (file.tensors().contains(name) && !is_optimizer_state(name)) continue;
    const std::string near = nearest(name, known);
    user_error("'{}' has no parameter '{}'{}", input.string(), name,
               near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
  }
  write_tensor_file(output, tensors, nullptr);
}

}  // namespace xp
