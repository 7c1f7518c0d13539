// Plain layers over LibTorch's operators.
#include "engine/nn/layers.h"

#include "engine/base/error.h"
#include "engine/device/accelerator.h"
#include "engine/nn/linear.h"

#include <ATen/Parallel.h>

#include <cmath>

namespace xp {
namespace {

constexpr int64_t kPad = 1;

// [P, D]: sin over the first half of the width, cos over the second; wavelengths from 2 pi to 20000
// pi.
torch::Tensor sinusoids(int64_t positions, int64_t width) {
  constexpr int64_t kFirst = 2;  // one past the padding index, as in fairseq
  const int64_t half = width / 2;
  const auto step = -std::log(10000.0) / static_cast<double>(std::max<int64_t>(half - 1, 1));
  const auto frequency_H = (torch::arange(half, torch::kDouble) * step).exp();
  const auto at_P = torch::arange(kFirst, kFirst + positions, torch::kDouble);
  const auto angle_PH = at_P.unsqueeze(1) * frequency_H.unsqueeze(0);
  auto out = torch::cat({angle_PH.sin(), angle_PH.cos()}, 1);
  if (width % 2 == 1) out = torch::cat({out, torch::zeros({positions, 1}, torch::kDouble)}, 1);
  return out.to(torch::kFloat);
}

// What a packed product computes, by LibTorch's products: there is nothing to pack on a device.
torch::Tensor on_device(const torch::Tensor& weight_NK, const torch::Tensor& x_TK,
                        const torch::Tensor& bias_N, const torch::Tensor& added_TN, bool relu) {
  const auto bias = bias_N.defined() ? std::optional(bias_N) : std::nullopt;
  auto y_TN = torch::linear(x_TK, weight_NK, bias);
  if (added_TN.defined()) y_TN = y_TN.add_(added_TN);
  return relu ? y_TN.relu_() : y_TN;
}

}  // namespace

void PackedCopy::use(Precision precision) {
  if (precision != precision_) clear();
  precision_ = precision;
}

torch::Tensor PackedCopy::multiply(const torch::Tensor& weight_NK, const torch::Tensor& x_TK,
                                   const torch::Tensor& bias_N, const torch::Tensor& added_TN,
                                   bool relu) {
  if (!x_TK.is_cpu()) return on_device(weight_NK, x_TK, bias_N, added_TN, relu);
  check(weight_NK.scalar_type() == torch::kFloat && x_TK.scalar_type() == torch::kFloat,
        "products without gradient are of 32-bit floats");
  const int64_t T = x_TK.size(0), N = weight_NK.size(0), K = weight_NK.size(1);
  if (!weights_ || from_ != weight_NK.data_ptr() || version_ != weight_NK._version()) {
    weights_ = std::make_unique<PackedWeights>(weight_NK.contiguous().data_ptr<float>(), N, K,
                                               product_kernels(precision_).front());
    from_ = weight_NK.data_ptr();
    version_ = static_cast<uint32_t>(weight_NK._version());
  }
  const auto x = x_TK.contiguous();
  const auto added = added_TN.defined() ? added_TN.contiguous() : added_TN;
  auto y_TN = torch::empty({T, N}, x.options());
  if (T == 0) return y_TN;
  PackedProduct product(*weights_, {.x = x.data_ptr<float>(),
                                    .rows = T,
                                    .bias = bias_N.defined() ? bias_N.data_ptr<float>() : nullptr,
                                    .added = added.defined() ? added.data_ptr<float>() : nullptr,
                                    .relu = relu,
                                    .y = y_TN.data_ptr<float>()});
  // Threads are worth their start from about 10^5 multiplications on.
  constexpr int64_t kWorth = 100'000;
  if (product.is_converting()) {
    at::parallel_for(0, T, 1 + kWorth / K,
                     [&](int64_t begin, int64_t end) { product.convert(begin, end); });
  }
  const int64_t panels = weights_->num_panels();
  at::parallel_for(0, panels, 1 + kWorth * panels / (T * N * K),
                   [&](int64_t begin, int64_t end) { product.multiply(begin, end); });
  return y_TN;
}

Linear::Linear(int64_t in, int64_t out, const Init& init, double bound, bool zero_bias) {
  if (bound == 0) bound = 1 / std::sqrt(static_cast<double>(in));
  weight = register_parameter("weight", (init / "weight").uniform({out, in}, bound));
  bias = register_parameter("bias", zero_bias ? torch::zeros({out}, computing_device())
                                              : (init / "bias").uniform({out}, bound));
}

torch::Tensor Linear::forward(const torch::Tensor& x, bool relu) const {
  return linear(x, weight, bias, relu);
}

torch::Tensor Linear::infer(const torch::Tensor& x_TK, const torch::Tensor& added_TN,
                            bool relu) const {
  return packed_.multiply(weight, x_TK, bias, added_TN, relu);
}

void Linear::train(bool on) {
  if (on) packed_.clear();
  Module::train(on);
}

void use_precision(torch::nn::Module& module, Precision precision) {
  for (const auto& part : module.modules(/*include_self=*/false)) {
    if (auto* linear = dynamic_cast<Linear*>(part.get())) linear->use(precision);
  }
}

Norm::Norm(int64_t width) {
  weight = register_parameter("weight", torch::ones({width}, computing_device()));
  bias = register_parameter("bias", torch::zeros({width}, computing_device()));
}

torch::Tensor Norm::forward(const torch::Tensor& x) const {
  return torch::layer_norm(x, {x.size(-1)}, weight, bias, /*eps=*/1e-5);
}

FeedForward::FeedForward(int64_t width, int64_t inner, const Init& init)
    : first_(register_module("first", std::make_shared<Linear>(width, inner, init / "first"))),
      second_(register_module("second", std::make_shared<Linear>(inner, width, init / "second"))) {}

torch::Tensor FeedForward::forward(const torch::Tensor& x) const {
  return second_->forward(first_->forward(x, /*relu=*/true));
}

torch::Tensor FeedForward::infer(const torch::Tensor& x_TD, const torch::Tensor& added_TD) const {
  return second_->infer(first_->infer(x_TD, {}, /*relu=*/true), added_TD);
}

Embedding::Embedding(int64_t vocabulary, int64_t width, const Init& init) {
  auto table = init.normal({vocabulary, width}, 1 / std::sqrt(static_cast<double>(width)));
  table[kPad].zero_();
  weight = register_parameter("weight", table);
}

void Embedding::prepare(int64_t positions) {
  if (position_PD_.defined() && position_PD_.size(0) >= positions) return;
  position_PD_ = to_device(sinusoids(std::max<int64_t>(2 * positions, 256), weight.size(1)));
}

torch::Tensor Embedding::forward(const torch::Tensor& piece_BL) {
  const int64_t length = piece_BL.size(1);
  prepare(length);
  const double scale = std::sqrt(static_cast<double>(weight.size(1)));
  const auto x_BLD = torch::embedding(weight, piece_BL) * scale;
  return x_BLD + position_PD_.slice(0, 0, length).to(x_BLD.dtype());
}

torch::Tensor Embedding::at(const torch::Tensor& piece_T, const torch::Tensor& position_T) {
  if (position_T.numel() > 0) prepare(position_T.max().item<int64_t>() + 1);
  const double scale = std::sqrt(static_cast<double>(weight.size(1)));
  const auto x_TD = torch::embedding(weight, to_device(piece_T)) * scale;
  return x_TD + torch::embedding(position_PD_, to_device(position_T)).to(x_TD.dtype());
}

torch::Tensor Embedding::forward_around_pads(const torch::Tensor& piece_BL) {
  prepare(piece_BL.size(1));
  const double scale = std::sqrt(static_cast<double>(weight.size(1)));
  const auto real_BL = (piece_BL != kPad).to(torch::kLong);
  const auto position_BL = (real_BL.cumsum(1) - 1).clamp_min(0);
  const auto x_BLD = torch::embedding(weight, piece_BL, /*padding_idx=*/kPad) * scale;
  const auto place_BLD = torch::embedding(position_PD_, position_BL) * real_BL.unsqueeze(2);
  return x_BLD + place_BLD.to(x_BLD.dtype());
}

}  // namespace xp
