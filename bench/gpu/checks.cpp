// Each check computes the same on the CPU and on the device.
#include "bench/gpu/checks.h"

#include "bench/gpu/layers.h"
#include "engine/device/accelerator.h"
#include "engine/device/ops.h"

#include <fmt/format.h>

#include <functional>
#include <map>

namespace xp {
namespace {

using torch::Tensor;

at::Generator random(uint64_t seed) {
  return at::detail::createCPUGenerator(seed);
}

Tensor there(const Tensor& tensor) {
  return tensor.defined() ? tensor.detach().to(computing_device()) : tensor;
}

// The largest difference, as a share of the largest value.
double difference(const Tensor& expected, const Tensor& found) {
  const auto a = expected.detach().to(torch::kDouble), b = found.detach().cpu().to(torch::kDouble);
  if (a.sizes() != b.sizes()) return 1e9;
  if (a.numel() == 0) return 0;
  if (!b.isfinite().all().item<bool>()) return 1e9;
  return ((a - b).abs().max() / a.abs().max().clamp_min(1e-30)).item<double>();
}

Value verdict(double worst, double tolerance) {
  return {{"ok", worst <= tolerance}, {"worst", worst}, {"detail", ""}};
}

Value slots() {
  double worst = 0;
  for (const int64_t T : {0, 1, 1000, 70000}) {
    const auto expert_KT = torch::randint(0, 33, {2, T}, random(1), torch::kLong);
    const auto priority_T = torch::randperm(T, random(2), torch::kLong);
    for (const auto& order : {Tensor(), priority_T}) {
      const auto expected = slot_table(expert_KT, order, 32, T / 16 + 1);
      const auto found = slot_table(there(expert_KT), there(order), 32, T / 16 + 1);
      worst = std::max({worst, difference(expected.choice_EC, found.choice_EC),
                        difference(expected.kept_KT, found.kept_KT),
                        difference(expected.count_E, found.count_E)});
    }
  }
  return verdict(worst, 0);
}

Value rows(torch::ScalarType type, double tolerance) {
  const auto x = torch::randn({500, 264}, random(1)).to(type);
  const auto token = torch::randint(-1, 500, {1300}, random(2), torch::kLong);
  const auto weight = torch::rand({1300}, random(3));
  const auto on = [&](const auto& place) {
    auto own = place(x).set_requires_grad(true), factor = place(weight).set_requires_grad(true);
    const auto y = scatter_rows(gather_rows(own, place(token)), place(token), factor, 500);
    y.to(torch::kFloat).square().sum().backward();
    return std::vector<Tensor>{y, own.grad(), factor.grad()};
  };
  const auto expected = on([](const Tensor&t) { return t.detach().clone(); }), found = on(there);
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, difference(expected[i], found[i]));
  return verdict(worst, tolerance);
}

// `width`: a multiple of 8 goes to at::_grouped_mm in bfloat16 if the device has it.
Value products(torch::ScalarType type, int64_t width, double tolerance) {
  const int64_t inner = width, outer = 2 * width;
  const auto start = torch::tensor({3, 3, 100, 517, 900}, torch::kLong);
  const auto x = torch::randn({1000, inner}, random(1));
  std::vector<Tensor> weight, bias;
  for (uint64_t g = 0; g < 4; ++g) {
    weight.push_back(torch::randn({outer, inner}, random(10 + g)) / std::sqrt(inner));
    bias.push_back(torch::randn({outer}, random(20 + g)));
  }
  const auto on = [&](const auto& place) {
    auto own = place(x).set_requires_grad(true);
    std::vector<Tensor> all{own}, w, b;
    for (size_t g = 0; g < 4; ++g) {
      w.push_back(place(weight[g]).set_requires_grad(true));
      b.push_back(place(bias[g]).set_requires_grad(true));
    }
    const auto y = grouped_product(own, w, b, start.to(own.device()));
    (y.to(torch::kFloat) * 0.5F).square().sum().backward();
    std::vector<Tensor> out{y, own.grad()};
    for (size_t g = 0; g < 4; ++g) {
      out.push_back(w[g].grad());
      out.push_back(b[g].grad());
    }
    return out;
  };
  const auto expected = on([&](const Tensor& t) { return t.to(type).to(torch::kFloat); });
  const auto found = on([&](const Tensor& t) { return there(t).to(type); });
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, difference(expected[i], found[i]));
  return verdict(worst, tolerance);
}

Value assignment() {
  double worst = 0;
  for (const int64_t each : {1, 8, 513}) {
    const auto value = torch::randn({8, 8 * each}, random(static_cast<uint64_t>(each)));
    const auto sets = [](const Tensor& jobs) {
      return std::get<0>(jobs.cpu().view({8, -1}).sort(1));
    };
    const auto expected = sets(balanced_jobs(value, each));
    worst = std::max(worst, difference(expected, sets(balanced_jobs(there(value), each))));
  }
  return verdict(worst, 0);
}

Value dropout() {
  const auto like = torch::empty({3, 100000});
  return verdict(difference(dropout_mask(like, 0.3, 77, 0), dropout_mask(there(like), 0.3, 77, 0)),
                 0);
}

Value host_reads() {
  const int64_t before = accelerator() == nullptr ? -1 : accelerator()->host_reads();
  if (before < 0) return {{"ok", true}, {"worst", 0.0}, {"detail", "not counted"}};
  const LayerShape shape{2048, 256, 512, 8};
  const MoeOperators layer(shape);
  auto x = torch::randn({shape.tokens, shape.width}, random(1)).to(computing_device());
  x = x.to(torch::kBFloat16).set_requires_grad(true);
  layer.forward(x).backward(torch::ones_like(x));
  const int64_t reads = accelerator()->host_reads() - before;
  return {{"ok", reads == 0}, {"worst", 0.0}, {"detail", fmt::format("{} reads", reads)}};
}

Value out_of_memory() {
  if (accelerator() == nullptr) return {{"ok", true}, {"worst", 0.0}, {"detail", "no device"}};
  try {
    torch::empty({accelerator()->memory_bytes(), 4}, computing_device());
  } catch (const std::exception& error) {
    const std::string words = error.what();
    const bool is_told = words.find("out of memory") != std::string::npos;
    return {{"ok", is_told && accelerator()->is_out_of_memory(error)},
            {"worst", 0.0},
            {"detail", words.substr(0, 60)}};
  }
  return {{"ok", false}, {"worst", 0.0}, {"detail", "too much memory was given"}};
}

const std::map<std::string, std::function<Value()>>& checks() {
  static const std::map<std::string, std::function<Value()>> all = {
      {"slots", slots},
      {"rows fp32", [] { return rows(torch::kFloat, 1e-5); }},
      {"rows bf16", [] { return rows(torch::kBFloat16, 1e-2); }},
      {"rows fp16", [] { return rows(torch::kHalf, 2e-3); }},
      {"products fp32", [] { return products(torch::kFloat, 136, 1e-5); }},
      {"products bf16", [] { return products(torch::kBFloat16, 136, 2e-2); }},
      {"products bf16, odd width", [] { return products(torch::kBFloat16, 77, 2e-2); }},
      {"products fp16", [] { return products(torch::kHalf, 136, 4e-3); }},
      {"balanced assignment", assignment},
      {"dropout", dropout},
      {"host reads", host_reads},
      {"out of memory", out_of_memory}};
  return all;
}

}  // namespace

std::vector<std::string> check_names() {
  std::vector<std::string> out;
  for (const auto& [name, check] : checks())
    out.push_back(name);
  return out;
}

Value run_check(const std::string& name) {
  return checks().at(name)();
}

}  // namespace xp
