// Reading and comparing.
#include "engine/conformance/recording.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/device/accelerator.h"

#include <algorithm>
#include <cmath>

namespace xp {
namespace {

// Below this magnitude a difference is rounding of sums of terms of order 1.
constexpr double kSmallest = 1e-2;

}  // namespace

void Findings::near(const std::string& what, const torch::Tensor& got,
                    const torch::Tensor& expected, double tolerance) {
  ++count_;
  if (got.sizes() != expected.sizes()) {
    add(fmt::format("{} has shape {}, not {}", what, json_text(Value(got.sizes().vec())),
                    json_text(Value(expected.sizes().vec()))));
    return;
  }
  if (got.numel() == 0) return;
  const auto a = got.detach().to(torch::kCPU, torch::kDouble);
  const auto b = expected.to(torch::kCPU, torch::kDouble);
  const auto both_nan = a.isnan().logical_and(b.isnan());
  const auto difference = (a - b).abs().masked_fill(both_nan, 0);
  const double magnitude = b.nan_to_num(0).abs().max().item<double>();
  const double share = difference.max().item<double>() / std::max(magnitude, kSmallest);
  if (!(share <= tolerance))
    add(fmt::format("{} differs by {:.2e} of its magnitude {:.3g}", what, share, magnitude));
}

void Findings::equal(const std::string& what, const torch::Tensor& got,
                     const torch::Tensor& expected) {
  ++count_;
  const auto here = expected.to(torch::kCPU);
  if (got.sizes() != here.sizes() || !got.to(torch::kCPU, here.scalar_type()).equal(here))
    add(what + " differs");
}

Recording::Recording(const fs::path& folder, int64_t rank)
    : folder_(folder),
      rank_(rank),
      settings_(Value::parse(read_file(folder / "manifest.json")).at("settings")),
      own_(folder / fmt::format("rank{}.safetensors", rank)),
      first_(folder / "rank0.safetensors") {}

torch::Tensor Recording::get(const std::string& name) const {
  return to_device(on_host(name));
}

torch::Tensor Recording::on_host(const std::string& name) const {
  return own_.has(name) ? own_.get(name) : first_.get(name);
}

double Recording::figure(const std::string& name) const {
  const auto names = settings_.value("meta_names", std::vector<std::string>());
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end() || !own_.has("meta")) return std::nan("");
  return own_.get("meta")[found - names.begin()].item<double>();
}

void RecordedDraws::load(const Recording& recording, const std::string& prefix,
                         const std::string& trace) {
  draws_.clear();
  orders_.clear();
  for (int64_t i = 0;; ++i) {
    const auto name = fmt::format("input.{}rand.{}.", prefix, i);
    const auto names = recording.names();
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const auto& known) { return known.starts_with(name); });
    if (found == names.end()) break;
    // Gumbel noise is recorded beside the uniform numbers it was made of.
    if (found->ends_with(".gumbel")) draws_.pop_back();
    draws_.push_back(recording.get(*found));
  }
  std::map<int64_t, torch::Tensor> orders;
  const auto start = "trace." + trace + ".";
  for (const auto& name : recording.names()) {
    if (name.starts_with(start) && name.ends_with(".sort_index"))
      orders[std::stoll(name.substr(start.size()))] = recording.get(name);
  }
  for (const auto& [number, order] : orders)
    orders_.push_back(order);
}

torch::Tensor RecordedDraws::next(const std::vector<int64_t>& shape) {
  check(!draws_.empty(), "the recording has no more random numbers");
  const auto out = draws_.front();
  draws_.pop_front();
  check(out.sizes().vec() == shape, "the recording has random numbers of another shape");
  return out;
}

torch::Tensor RecordedDraws::uniform(const std::vector<int64_t>& shape,
                                     const torch::TensorOptions&) {
  return next(shape);
}

torch::Tensor RecordedDraws::gumbel(const std::vector<int64_t>& shape,
                                    const torch::TensorOptions&) {
  return next(shape);
}

torch::Tensor RecordedDraws::assignment_order(const torch::Tensor& order_T) {
  if (orders_.empty()) return order_T;
  const auto recorded = orders_.front();
  orders_.pop_front();
  const auto as_sets = [this](const torch::Tensor& order) {
    return std::get<0>(order.view({num_groups, -1}).sort(1));
  };
  findings_.equal("the assignment of tokens to experts", as_sets(order_T), as_sets(recorded));
  return recorded;
}

void set_parameter(torch::nn::Module& module, const std::string& name, const torch::Tensor& value) {
  const torch::NoGradGuard no_grad;
  auto parameters = module.named_parameters();
  auto* parameter = parameters.find(name);
  check(parameter != nullptr, "the module has the parameter " + name);
  check(parameter->sizes() == value.sizes(), "parameter " + name + " has the recorded shape");
  parameter->copy_(value);
}

torch::Tensor gradient_of(const torch::nn::Module& module, const std::string& name) {
  const auto parameters = module.named_parameters();
  const auto* parameter = parameters.find(name);
  check(parameter != nullptr, "the module has the parameter " + name);
  return parameter->grad().defined() ? parameter->grad() : torch::zeros_like(*parameter);
}

}  // namespace xp
