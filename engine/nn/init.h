// First values of parameters: each from its own random stream, named by the parameter.
//
// So a parameter's first value depends on the run's seed and its own name, never on the number of
// ranks or on other parameters: expert 5 starts with the same values on any rank. They are drawn by
// the CPU, so that they do not depend on the device to which they then move.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace xp {

class Init {
 public:
  explicit Init(int64_t seed, std::string path = "") : seed_(seed), path_(std::move(path)) {}

  /// The streams below `name`.
  Init operator/(const std::string& name) const { return Init(seed_, path_ + "/" + name); }

  torch::Tensor uniform(const std::vector<int64_t>& shape,
                        double bound) const;  ///< U(-bound, bound)
  torch::Tensor normal(const std::vector<int64_t>& shape, double deviation) const;
  /// Rows (or columns, if there are fewer) are orthonormal.
  torch::Tensor orthogonal(int64_t rows, int64_t columns) const;

 private:
  int64_t seed_;
  std::string path_;
};

}  // namespace xp
