// A recorded case of the predecessor: a folder with manifest.json (settings, names) and
// rankR.safetensors (inputs, parameters, outputs, gradients, figures), and what was found comparing
// with it.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"
#include "engine/train/safetensors.h"
#include "registry/draws.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <deque>
#include <string>
#include <vector>

namespace xp {

/// What this rank has to say about a case: a line for each difference.
class Findings {
 public:
  /// Largest difference over the largest magnitude of `expected`, at most `tolerance`; both NaN is
  /// equal.
  void near(const std::string& what, const torch::Tensor& got, const torch::Tensor& expected,
            double tolerance = 1e-4);
  void equal(const std::string& what, const torch::Tensor& got, const torch::Tensor& expected);
  void add(std::string line) { lines_.push_back(std::move(line)); }
  /// Comparisons made; a case that compares nothing proves nothing.
  int64_t count() const { return count_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
  int64_t count_ = 0;
};

/// One rank's view of a case.
class Recording {
 public:
  Recording(const fs::path& folder, int64_t rank);

  const fs::path& folder() const { return folder_; }
  const Value& settings() const { return settings_; }
  /// A setting, or `fallback` if the case does not have it.
  template <class T>
  T setting(const std::string& name, const T& fallback) const {
    return settings_.value(name, fallback);
  }
  bool has(const std::string& name) const { return own_.has(name) || first_.has(name); }
  /// This rank's tensor, or rank 0's if only that has it (parameters and gradients all share), on
  /// the computing device; and in the host's memory.
  torch::Tensor get(const std::string& name) const;
  torch::Tensor on_host(const std::string& name) const;
  bool has_own(const std::string& name) const { return own_.has(name); }
  std::vector<std::string> names() const { return own_.names(); }
  int64_t rank() const { return rank_; }

  /// The figure `name` of `meta` (names in settings.meta_names), or NaN.
  double figure(const std::string& name) const;

 private:
  fs::path folder_;
  int64_t rank_;
  Value settings_;
  Safetensors own_, first_;
};

/// Answers with the random numbers of a recording, in order; fails if they run out.
class RecordedDraws final : public Draws {
 public:
  explicit RecordedDraws(Findings& findings) : findings_(findings) {}
  /// What `input.PREFIXrand.*` holds replaces what is left, and so do the orders of balanced
  /// assignments in `trace.TRACE*.sort_index`.
  void load(const Recording& recording, const std::string& prefix, const std::string& trace);

  torch::Tensor uniform(const std::vector<int64_t>& shape, const torch::TensorOptions&) override;
  torch::Tensor gumbel(const std::vector<int64_t>& shape, const torch::TensorOptions&) override;
  torch::Tensor assignment_order(const torch::Tensor& order_T) override;
  /// How many equal consecutive groups an order consists of.
  int64_t num_groups = 1;

 private:
  torch::Tensor next(const std::vector<int64_t>& shape);
  Findings& findings_;
  std::deque<torch::Tensor> draws_, orders_;
};

/// Copies `value` into parameter `name` of the module.
void set_parameter(torch::nn::Module& module, const std::string& name, const torch::Tensor& value);
/// The gradient of parameter `name`, zeros if it has none.
torch::Tensor gradient_of(const torch::nn::Module& module, const std::string& name);

}  // namespace xp
