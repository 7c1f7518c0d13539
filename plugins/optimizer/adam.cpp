// Adam with bias correction and decoupled weight decay, in LibTorch's fused kernel.
// Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1; decay as Loshchilov and
// Hutter 2019.
#include "registry/optimizer.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>

#include <cmath>

namespace xp {
namespace {

struct Adam final : Optimizer {
  struct Config {
    double lr = 5e-4, eps = 1e-8, weight_decay = 0.0;
    std::vector<double> betas = {0.9, 0.98};

    void describe(auto& field) {
      field("lr", lr, "peak learning rate", above(0));
      field("betas", betas, "decay of the means of the gradient and of its square",
            between(0, 0.999999));
      field("eps", eps, "added to the root of the mean square, before its bias correction",
            above(0));
      field("weight_decay", weight_decay, "decoupled decay, multiplied by the learning rate",
            at_least(0));
    }

    static std::vector<Figure> figures() { return {{"state_values", "2"}}; }
  };

  explicit Adam(const Config& c) : config(c) {
    if (config.betas.size() != 2)
      user_error("'betas' has {} numbers; must have 2", config.betas.size());
  }

  double lr() const override { return config.lr; }
  std::vector<std::string> state_names() const override { return {"mean", "square"}; }

  void apply(torch::Tensor& parameters, const torch::Tensor& gradient, OptimizerState& state,
             int64_t update, double lr) const override {
    if (parameters.numel() == 0) return;
    const auto step = at::full({}, static_cast<double>(update), parameters.options());
    // The kernel adds eps after the correction, fairseq before it.
    const double correction = std::sqrt(1 - std::pow(config.betas[1], static_cast<double>(update)));
    at::_fused_adamw_({parameters}, {gradient}, {state.at("mean")}, {state.at("square")}, {},
                      {step}, lr, config.betas[0], config.betas[1], config.weight_decay,
                      config.eps / correction,
                      /*amsgrad=*/false,
                      /*maximize=*/false);
  }

  Config config;
};

XP_REGISTER(Optimizer, Adam, "adam", "Adam with decoupled weight decay");

}  // namespace
}  // namespace xp
