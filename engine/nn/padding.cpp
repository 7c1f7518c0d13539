// Copies rows into a padded tensor.
#include "engine/nn/padding.h"

#include "registry/tokenizer.h"

namespace xp {

torch::Tensor padded(const std::vector<std::vector<int32_t>>& sentences) {
  size_t longest = 0;
  for (const auto& sentence : sentences)
    longest = std::max(longest, sentence.size());
  const auto rows = static_cast<int64_t>(sentences.size()), columns = static_cast<int64_t>(longest);
  auto out = torch::full({rows, columns}, Special::kPad, torch::kLong);
  auto* to = out.data_ptr<int64_t>();
  for (const auto& sentence : sentences) {
    std::copy(sentence.begin(), sentence.end(), to);
    to += columns;
  }
  return out;
}

}  // namespace xp
