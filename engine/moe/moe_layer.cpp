// One MoE layer.
#include "engine/moe/moe_layer.h"

#include "engine/base/error.h"
#include "engine/comm/gather.h"
#include "engine/moe/counts.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace xp {
namespace {

// Ranks that run different models would wait for each other's rows for ever.
void check_agreement(const MoeShape& shape, const std::vector<int64_t>& widths, Group& world) {
  std::vector<int64_t> own = {shape.width, shape.inner, shape.experts,
                              static_cast<int64_t>(widths.size())};
  const auto all = to_vector(world.all_gather(torch::tensor(own)));
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] == own[i % own.size()]) continue;
    const size_t first = i / own.size() * own.size();
    user_error(
        "an MoE layer of rank {} has width {}, ffn_width {} and {} experts, that of rank {} "
        "has {}, {} and {}; all ranks must run the same model",
        world.rank(), shape.width, shape.inner, shape.experts, i / own.size(), all[first],
        all[first + 1], all[first + 2]);
  }
}

// Adds pads up to the number of rows of the largest rank.
Rows pad_to_largest_rank(const Rows& rows, Group& world) {
  const int64_t T = rows.x_TD.size(0);
  const int64_t added = largest_of_all(world, T) - T;
  auto pad_T = rows.pad_T.defined() ? rows.pad_T
                                    : torch::zeros({T}, rows.x_TD.options().dtype(torch::kBool));
  if (added == 0) return {rows.x_TD, pad_T};
  return {torch::constant_pad_nd(rows.x_TD, {0, 0, 0, added}),
          torch::constant_pad_nd(pad_T, {0, added}, true)};
}

// Read at once.
std::map<std::string, double> values_of(const GateFigures& figures) {
  std::vector<torch::Tensor> all;
  for (const auto& [name, value] : figures)
    all.push_back(value);
  std::map<std::string, double> out;
  if (all.empty()) return out;
  const auto values = torch::stack(all).to(torch::kCPU, torch::kDouble);
  const auto* value = values.data_ptr<double>();
  for (const auto& [name, unread] : figures)
    out[name] = *value++;
  return out;
}

torch::Tensor without_padding(const torch::Tensor& y_TD, const Rows& rows) {
  const int64_t T = rows.x_TD.size(0);
  return y_TD.size(0) == T ? y_TD : y_TD.slice(0, 0, T);
}

}  // namespace

MoeLayer::MoeLayer(const MoeShape& shape, std::shared_ptr<const Router> router,
                   std::shared_ptr<const Exchange> exchange, const Groups& groups, const Init& init)
    : shape_(shape),
      router_(std::move(router)),
      exchange_(std::move(exchange)),
      groups_(shape.experts, groups) {
  const auto widths =
      exchange_->part_widths(shape.width, groups.world->topology(), shape.compatibility);
  check_agreement(shape, widths, *groups.world);
  const double bound = 1 / std::sqrt(static_cast<double>(shape.width));
  gate_ED_ =
      register_parameter("gate", (init / "gate").uniform({shape.experts, shape.width}, bound));
  experts_ = register_module("experts",
                             std::make_shared<Experts>(shape.experts, widths, shape.inner,
                                                       *groups_.together.world, init / "experts"));
  rows_X_.resize(static_cast<size_t>(experts_->on_rank()));
}

Rows MoeLayer::padded(const Rows& rows) const {
  if (shape_.compatibility != Compatibility::kSeed) return rows;
  return pad_to_largest_rank(rows, *groups_.together.world);
}

// A clock that stands still while the layer waits for other ranks or another micro-batch computes.
double MoeLayer::own_clock_s(size_t turn) const {
  double idle_s = 0;
  for (const auto& [part, traffic] : traffic_)
    idle_s += traffic.idle_s[turn];
  return steady_s() - idle_s;
}

// The layer's backward pass lasts from its results' gradient to its rows'.
void MoeLayer::time_backward(const torch::Tensor& x_TD, const torch::Tensor& y_TD) {
  if (!x_TD.requires_grad() || !y_TD.requires_grad()) return;
  const auto start_s = std::make_shared<std::optional<double>>();
  const size_t turn = own_turn();
  y_TD.register_hook([this, turn, start_s](const torch::Tensor&) { *start_s = own_clock_s(turn); });
  x_TD.register_hook([this, turn, start_s](const torch::Tensor&) {
    if (*start_s) compute_s_ += own_clock_s(turn) - **start_s;
    start_s->reset();
  });
}

torch::Tensor MoeLayer::forward(const Rows& rows) {
  const double start_s = own_clock_s(own_turn());
  const Rows all = padded(rows);
  const auto y_TD = run(all, torch::matmul(all.x_TD, gate_ED_.t()),
                        [this](int64_t part, const torch::Tensor& x, const torch::Tensor& start) {
                          count_own_rows(x, start);
                          return experts_->forward(part, x, start);
                        });
  compute_s_ += own_clock_s(own_turn()) - start_s;
  time_backward(all.x_TD, y_TD);
  return without_padding(y_TD, rows);
}

torch::Tensor MoeLayer::infer(const Rows& rows) {
  const Rows all = padded(rows);
  const auto y_TD = run(all, packed_gate_.multiply(gate_ED_, all.x_TD, {}, {}),
                        [this](int64_t part, const torch::Tensor& x, const torch::Tensor& start) {
                          count_own_rows(x, start);
                          return experts_->infer(part, x, start);
                        });
  return without_padding(y_TD, rows);
}

void MoeLayer::train(bool on) {
  if (on) packed_gate_.clear();
  Module::train(on);
}

torch::Tensor MoeLayer::run(const Rows& all, const torch::Tensor& logits_TE,
                            const decltype(MoeCall::experts)& experts) {
  std::function<SentRows*(const std::string&)> sent;
  if (is_training() && all.x_TD.is_cpu()) {
    SentRows& whole = sent_["layer"];
    whole.width = all.x_TD.size(1);
    whole.value_bytes = static_cast<int64_t>(all.x_TD.element_size());
    whole.tokens += all.x_TD.size(0);
    sent = [this](const std::string& part) { return &sent_[part]; };
  }
  const MoeCall call{all.x_TD,
                     logits_TE,
                     *router_,
                     {shape_.capacity_factor, shape_.capacity_fraction, is_training()},
                     groups_.together,
                     experts_->on_rank(),
                     all.pad_T,
                     shape_.compatibility,
                     shape_.draws.get(),
                     [this](const std::string& part) { return &traffic_[part]; },
                     experts,
                     shape_.wire,
                     [this](int64_t first, const torch::Tensor& count) { note_rows(first, count); },
                     sent};
  MoeResult result = exchange_->forward(call);
  balance_[own_turn()] = result.balance;
  ++num_calls_;
  for (const auto& [name, value] : result.metrics) {
    auto& sum = sums_[name];
    sum = sum.defined() ? sum + value : value;
  }
  return result.y_TD;
}

// On a device experts get slots, whose number says nothing: see note_rows.
void MoeLayer::count_own_rows(const torch::Tensor& rows_MD, const torch::Tensor& start_X1) {
  if (!rows_MD.is_cpu()) return;
  const auto count_X = to_vector(start_X1.diff());
  add_counts(count_X, 0, count_X.size(), rows_X_);
}

void MoeLayer::note_rows(int64_t first, const torch::Tensor& count) {
  if (!rows_E_.defined()) rows_E_ = torch::zeros({shape_.experts}, count.options());
  rows_E_.slice(0, first, first + count.numel()).add_(count);
}

torch::Tensor MoeLayer::take_rows_E() {
  if (rows_E_.defined()) return std::exchange(rows_E_, {}).to(torch::kCPU);
  const auto X = experts_->on_rank();
  auto out_E = torch::zeros({shape_.experts}, torch::kLong);
  auto own_X = out_E.slice(0, groups_.together.world->rank() * X).data_ptr<int64_t>();
  std::copy(rows_X_.begin(), rows_X_.end(), own_X);
  std::fill(rows_X_.begin(), rows_X_.end(), 0);
  return out_E;
}

std::map<std::string, double> MoeLayer::take_metrics() {
  std::map<std::string, double> out = values_of(std::exchange(sums_, {}));
  for (auto& [part, traffic] : traffic_) {
    // Reset in place: the backward pass keeps the address.
    const Traffic now = std::exchange(traffic, {});
    out[part + ".inter_node_bytes"] = static_cast<double>(now.bytes.inter_node);
    out[part + ".in_node_bytes"] = static_cast<double>(now.bytes.in_node);
    out[part + ".in_node_ms"] = 1e3 * now.in_node.busy_s;
    out[part + ".inter_node_ms"] = 1e3 * now.inter_node.busy_s;
    out[part + ".exposed_ms"] = 1e3 * now.exposed_s();
  }
  out["layer.compute_ms"] = 1e3 * std::exchange(compute_s_, 0);
  for (auto& [name, sum] : out)
    sum /= static_cast<double>(std::max<int64_t>(num_calls_, 1));
  num_calls_ = 0;
  return out;
}

}  // namespace xp
