// Seeds one generator per parameter.
#include "engine/nn/init.h"

#include "engine/base/hash.h"
#include "engine/device/accelerator.h"

#include <ATen/CPUGeneratorImpl.h>

namespace xp {
namespace {

at::Generator stream(int64_t seed, const std::string& path) {
  return at::detail::createCPUGenerator(seed_for(static_cast<uint64_t>(seed), "init" + path));
}

torch::Tensor drawn(int64_t seed, const std::string& path, const std::vector<int64_t>& shape,
                    double deviation) {
  return torch::empty(shape).normal_(0, deviation, stream(seed, path));
}

}  // namespace

torch::Tensor Init::uniform(const std::vector<int64_t>& shape, double bound) const {
  return to_device(torch::empty(shape).uniform_(-bound, bound, stream(seed_, path_)));
}

torch::Tensor Init::normal(const std::vector<int64_t>& shape, double deviation) const {
  return to_device(drawn(seed_, path_, shape, deviation));
}

torch::Tensor Init::orthogonal(int64_t rows, int64_t columns) const {
  const bool wide = rows < columns;
  const auto normal =
      drawn(seed_, path_, {std::max(rows, columns), std::min(rows, columns)}, /*deviation=*/1);
  const auto [q, r] = at::linalg_qr(normal);
  const auto signed_q = q * r.diagonal().sign();  // without it the draw would not be uniform
  return to_device((wide ? signed_q.t() : signed_q).contiguous());
}

}  // namespace xp
