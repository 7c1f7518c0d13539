// Seeds one generator per parameter.
#include "engine/nn/init.h"

#include "engine/base/hash.h"

#include <ATen/CPUGeneratorImpl.h>

namespace xp {
namespace {

at::Generator stream(int64_t seed, const std::string& path) {
  return at::detail::createCPUGenerator(seed_for(static_cast<uint64_t>(seed), "init" + path));
}

}  // namespace

torch::Tensor Init::uniform(const std::vector<int64_t>& shape, double bound) const {
  return torch::empty(shape).uniform_(-bound, bound, stream(seed_, path_));
}

torch::Tensor Init::normal(const std::vector<int64_t>& shape, double deviation) const {
  return torch::empty(shape).normal_(0, deviation, stream(seed_, path_));
}

}  // namespace xp
