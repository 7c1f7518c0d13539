// A stack of free cells.
#include "engine/nn/decode_cache.h"

#include <algorithm>

namespace xp {

int32_t DecodeCache::take() {
  if (free_.empty()) {
    const size_t before = num_users_.size(), now = std::max<size_t>(256, 2 * before);
    for (auto& floats : floats_)
      floats.resize(now * 2 * static_cast<size_t>(width_));
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

}  // namespace xp
