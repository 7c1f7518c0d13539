// Slices at the sums of counts.
#include "engine/comm/member_rows.h"

#include <ATen/ops/empty.h>

#include <numeric>

namespace xp {

torch::Tensor empty_rows(const torch::Tensor& like, const std::vector<int64_t>& counts) {
  auto shape = like.sizes().vec();
  shape[0] = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  return at::empty(shape, like.options());
}

torch::Tensor rows_of(const torch::Tensor& rows, const std::vector<int64_t>& counts,
                      int64_t member) {
  const int64_t begin = std::accumulate(counts.begin(), counts.begin() + member, int64_t{0});
  return rows.slice(0, begin, begin + counts[static_cast<size_t>(member)]);
}

std::vector<Transfer> rows_of_others(const torch::Tensor& rows, const std::vector<int64_t>& counts,
                                     int64_t own) {
  std::vector<Transfer> out;
  int64_t begin = 0;
  for (int64_t member = 0; member < std::ssize(counts); ++member) {
    const int64_t end = begin + counts[static_cast<size_t>(member)];
    if (member != own) out.push_back({member, rows.slice(0, begin, end)});
    begin = end;
  }
  return out;
}

}  // namespace xp
