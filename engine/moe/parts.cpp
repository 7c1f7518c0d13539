// Shared by the exchanges that split tokens or features in three.
#include "engine/moe/parts.h"

#include "engine/base/to_integer.h"
#include "engine/base/turns.h"
#include "engine/device/accelerator.h"
#include "engine/moe/counts.h"
#include "engine/moe/slots.h"
#include "engine/moe/two_level_rows.h"

#include <cmath>

namespace xp {
namespace {

constexpr double kRounding = 1e-9;  // 0.2 + 0.8 is 1 whatever binary floats say

// Which members of `all`, whose ranks are consecutive, the members of `group` are.
torch::Tensor members_of(const Group& group, const Group& all) {
  std::vector<int64_t> out;
  for (int64_t member = 0; member < group.size(); ++member)
    out.push_back(group.world_rank(member) - all.world_rank(0));
  return torch::tensor(out, torch::kLong);
}

// Rows that chose each expert of the rank.
torch::Tensor local_counts(const torch::Tensor& logits_TX) {
  const int64_t X = logits_TX.size(1);
  if (X == 1) {
    return torch::full({1}, logits_TX.size(0), logits_TX.options().dtype(torch::kLong));
  }
  return counted(std::get<1>(logits_TX.detach().topk(2, 1)).flatten(), X);
}

}  // namespace

ExpertsFunction experts_of(const MoeCall& call, int64_t part) {
  return [&call, part](const torch::Tensor& rows_MD, const torch::Tensor& start_X1) {
    return call.experts(part, rows_MD, start_X1);
  };
}

void count_local_rows(const MoeCall& call, const torch::Tensor& logits_TX) {
  if (call.count_rows && !logits_TX.is_cpu())
    call.count_rows(call.groups.world->rank() * call.experts_per_rank, local_counts(logits_TX));
}

Shares on_topology(const Shares& shares, const Topology& topology) {
  return {shares.local, topology.nodes == 1 ? 1 - shares.local : shares.node};
}

std::array<bool, kNumParts> parts_present(const Shares& shares) {
  return {shares.local > kRounding, shares.node > kRounding,
          shares.local + shares.node < 1 - kRounding};
}

std::array<int64_t, kNumParts> part_sizes(int64_t total, const Shares& shares) {
  const auto present = parts_present(shares);
  const auto border = [total](double upto) {
    return std::min<int64_t>(total,
                             to_nearest_integer(upto * static_cast<double>(total) + kRounding));
  };
  const int64_t local = present[kNode] || present[kGlobal] ? border(shares.local) : total;
  const int64_t node = (present[kGlobal] ? border(shares.local + shares.node) : total) - local;
  return {local, node, total - local - node};
}

PartLogits::PartLogits(const MoeCall& call) {
  const auto& world = *call.groups.world;
  const int64_t X = call.experts_per_rank, G = world.topology().ranks_per_node;
  const int64_t own = world.rank() * X, first_of_node = world.rank() / G * G * X;
  own_TX = call.logits_TE.slice(1, own, own + X);
  node_TY = call.logits_TE.slice(1, first_of_node, first_of_node + G * X);
  all_TE = call.logits_TE;
}

torch::Tensor mix_locally(const torch::Tensor& x_TD, const torch::Tensor& logits_TX,
                          const ExpertsFunction& experts) {
  const int64_t T = x_TD.size(0), X = logits_TX.size(1);
  if (X == 1) return experts(x_TD, torch::tensor({int64_t{0}, T}));
  const auto [logit_T2, expert_T2] = logits_TX.topk(2, 1);
  const auto weight_J = torch::softmax(logit_T2.to(torch::kFloat), 1).flatten();
  const auto expert_J = expert_T2.flatten();
  const auto order_J = expert_J.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const Routing routing{order_J.floor_divide(2), weight_J.index_select(0, order_J), {}, {}, {}};
  const auto rows_JD = experts(dispatched(x_TD, routing), starts_of(counted(expert_J, X)));
  return combined(rows_JD, routing, x_TD);
}

void RoutedParts::add(Part part, const torch::Tensor& x_KD, const torch::Tensor& logits_KE,
                      const torch::Tensor& tokens_K) {
  const std::string name = kPartNames[part];
  torch::Tensor pad_K = call_.pad_T;
  if (pad_K.defined() && tokens_K.defined()) pad_K = pad_K.index_select(0, tokens_K);
  Routing routing =
      call_.router.route({logits_KE, call_.capacity, pad_K, call_.compatibility, call_.draws});
  balance_sum = balance_sum.defined() ? balance_sum + routing.balance : routing.balance;
  for (const auto& [key, value] : routing.metrics)
    metrics[name + "." + key] = value;
  const bool is_on_host = x_KD.is_cpu();
  // On a device the norm of the gradient tells, without a value to be read for each layer.
  if (is_on_host) is_finite_ = is_finite_ && routing.weight_N.isfinite().all().item<bool>();
  if (call_.sent && is_on_host) {
    SentRows& sent = *call_.sent(name);
    sent.width = x_KD.size(1);
    sent.value_bytes = static_cast<int64_t>(x_KD.element_size());
    sent.tokens += x_KD.size(0);
  }
  const Groups& groups = call_.groups;
  const int64_t X = call_.experts_per_rank;
  if (call_.count_rows && !is_on_host) {
    const int64_t first =
        part == kNode ? groups.node->world_rank(0) - groups.world->world_rank(0) : 0;
    call_.count_rows(first * X,
                     routing.kept_E.defined() ? routing.kept_E : to_device(routing.count_E));
  }
  if (is_on_host && part == kGlobal && groups.peers && groups.peers->size() > 1) {
    parts_[part] =
        std::make_unique<TwoLevelRows>(x_KD, routing, groups, X, call_.traffic(name), call_.wire);
  } else {
    Group& group = part == kNode ? *groups.node : *groups.world;
    parts_[part] =
        std::make_unique<DirectRows>(x_KD, std::move(routing), group, X, call_.traffic(name),
                                     spans_nodes(group) ? call_.wire : Wire::kExact);
  }
}

// The first columns are rows for the experts of each member; the next one, if there is one, those
// that cross to its node.
void RoutedParts::count_sent(Part part, const RoutedRows& rows,
                             const torch::Tensor& counts_RC) const {
  const Group& world = *call_.groups.world;
  const int64_t X = call_.experts_per_rank, G = world.topology().ranks_per_node;
  SentRows& sent = *call_.sent(kPartNames[part]);
  const int64_t first = (rows.group().world_rank(0) - world.world_rank(0)) * X;
  add_counts(to_vector(counts_RC.slice(1, 0, X).flatten()), static_cast<size_t>(first),
             static_cast<size_t>(world.size() * X), sent.rows_E);
  if (counts_RC.size(1) == X) return;
  const auto crossing_M =
      to_vector(counts_RC.select(1, X).slice(0, call_.groups.node->rank(), world.size(), G));
  add_counts(crossing_M, 0, crossing_M.size(), sent.crossing_M);
}

void RoutedParts::send() {
  if (parts_.empty()) return;
  // Without a global part nothing crosses nodes, counts included.
  Group& widest = parts_.rbegin()->second->group();
  std::vector<torch::Tensor> counts, members;
  for (auto& [part, rows] : parts_) {
    members.push_back(members_of(rows->group(), widest));
    const auto own_RC = rows->counts();
    if (call_.sent) count_sent(part, *rows, own_RC);
    auto all_RC = torch::zeros({widest.size(), own_RC.size(1)}, torch::kLong);
    counts.push_back(all_RC.index_copy(0, members.back(), own_RC));
  }
  const double start_s = steady_s();
  const auto arriving = CountExchange(torch::cat(counts, 1), call_.x_TD, is_finite_, widest).wait();
  if (Traffic* traffic = call_.traffic(kPartNames[parts_.rbegin()->first])) {
    const double end_s = steady_s();
    traffic->of(widest).add(start_s, end_s);
    traffic->add_exposed(widest, own_turn(), end_s - start_s);
  }
  int64_t past = arriving.size(1);
  size_t i = parts_.size();
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    const int64_t first = past - counts[--i].size(1);
    part->second->send(arriving.slice(1, first, past).index_select(0, members[i]));
    past = first;
  }
}

std::map<Part, torch::Tensor> RoutedParts::finish(const std::function<int64_t(Part)>& expert_part) {
  for (auto& [part, rows] : parts_)
    rows->run(experts_of(call_, expert_part(part)));
  std::map<Part, torch::Tensor> out;
  for (auto& [part, rows] : parts_)
    out[part] = rows->finish();
  return out;
}

}  // namespace xp
