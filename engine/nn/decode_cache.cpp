// A stack of free cells.
#include "engine/nn/decode_cache.h"

#include "engine/device/accelerator.h"

#include <algorithm>
#include <limits>

namespace xp {

int32_t DecodeCache::take() {
  if (free_.empty()) {
    const size_t before = num_users_.size(), now = std::max<size_t>(256, 2 * before);
    for (auto& floats : floats_)
      if (computing_device().is_cpu()) floats.resize(now * 2 * static_cast<size_t>(width_));
    num_users_.resize(now);
    for (size_t cell = now; cell > before; --cell)  // the lowest first
      free_.push_back(static_cast<int32_t>(cell - 1));
  }
  const int32_t cell = free_.back();
  free_.pop_back();
  num_users_[static_cast<size_t>(cell)] = 1;
  return cell;
}

void DecodeCache::share(const Cells& cells) {
  for (const int32_t cell : cells)
    ++num_users_[static_cast<size_t>(cell)];
}

void DecodeCache::release(const Cells& cells) {
  for (const int32_t cell : cells) {
    if (--num_users_[static_cast<size_t>(cell)] == 0) free_.push_back(cell);
  }
}

void DecodeCache::put(int64_t layer, const Cells& cells, const torch::Tensor& values_R2D) {
  auto& all_N2D = on_device_[static_cast<size_t>(layer)];
  const auto now = static_cast<int64_t>(num_users_.size());
  if (!all_N2D.defined()) all_N2D = torch::zeros({0, 2 * width_}, values_R2D.options());
  if (all_N2D.size(0) < now) {
    const auto more = torch::zeros({now - all_N2D.size(0), 2 * width_}, values_R2D.options());
    all_N2D = torch::cat({all_N2D, more});
  }
  const auto index = torch::tensor(std::vector<int64_t>(cells.begin(), cells.end()), torch::kLong);
  all_N2D.index_copy_(0, to_device(index), values_R2D);
}

const CachedRows::Tensors& CachedRows::tensors() const {
  if (made.cell_RC.defined()) return made;
  size_t most = 0;
  for (const auto& row : cells)
    most = std::max(most, row.size());
  const auto R = static_cast<int64_t>(cells.size()), C = static_cast<int64_t>(most);
  auto cell_RC = torch::zeros({R, C}, torch::kLong);
  auto mask_RC = torch::full({R, C}, -std::numeric_limits<float>::infinity());
  auto* cell = cell_RC.data_ptr<int64_t>();
  auto* mask = mask_RC.data_ptr<float>();
  for (const auto& row : cells) {
    std::copy(row.begin(), row.end(), cell);
    std::fill(cell + row.size(), cell + C, row.front());
    std::fill(mask, mask + row.size(), 0.0F);
    cell += C;
    mask += C;
  }
  made = {to_device(cell_RC), to_device(mask_RC)};
  return made;
}

}  // namespace xp
