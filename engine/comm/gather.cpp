// Gathers the lengths first, then the bytes, padded to the longest.
#include "engine/comm/gather.h"

#include <cstring>

namespace xp {

int64_t largest_of_all(Group& group, int64_t own) {
  auto most = torch::full({1}, own, torch::kLong);
  group.all_reduce_max(most);
  return most.item<int64_t>();
}

std::vector<std::string> gather_texts(Group& group, const std::string& text) {
  const auto length = static_cast<int64_t>(text.size());
  const auto lengths = group.all_gather(torch::full({1}, length, torch::kLong)).flatten();
  const int64_t longest = std::max<int64_t>(1, lengths.max().item<int64_t>());
  auto bytes = torch::zeros({longest}, torch::kByte);
  std::memcpy(bytes.data_ptr(), text.data(), text.size());
  const auto all = group.all_gather(bytes).contiguous();
  std::vector<std::string> out;
  for (int64_t member = 0; member < group.size(); ++member) {
    const auto* first = static_cast<const char*>(all[member].data_ptr());
    out.emplace_back(first, static_cast<size_t>(lengths[member].item<int64_t>()));
  }
  return out;
}

}  // namespace xp
