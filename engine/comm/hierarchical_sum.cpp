// All steps are transfers between pairs, from and to the tensor itself: the order of every sum is
// ours and not that of a ring, and nothing is copied unless it is packed.
#include "engine/comm/hierarchical_sum.h"

#include "engine/base/error.h"
#include "engine/comm/all_to_all.h"
#include "engine/comm/packed_messages.h"

#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>

namespace xp {
namespace {

// Where a member's share of n values begins; it ends where the next one's begins.
int64_t share_begin(int64_t n, int64_t member, int64_t members) {
  return n * member / members;
}

// The values that belong to a member.
torch::Tensor share_of(const torch::Tensor& values, int64_t member, const Group& group) {
  const int64_t n = values.numel(), members = group.size();
  return values.slice(0, share_begin(n, member, members), share_begin(n, member + 1, members));
}

std::vector<Transfer> with_others(const Group& group,
                                  const std::function<torch::Tensor(int64_t member)>& values) {
  std::vector<Transfer> out;
  for (int64_t member = 0; member < group.size(); ++member)
    if (member != group.rank()) out.push_back({member, values(member)});
  return out;
}

// Replaces this member's share of `values` by its sum over the members, in their order.
void reduce_scatter(Group& group, const torch::Tensor& values, Wire wire) {
  const auto sent = on_wire(values, wire), own = share_of(sent, group.rank(), group);
  const auto others = at::empty({group.size(), own.numel()}, sent.options());
  transfer_values(group,
                  with_others(group, [&](int64_t member) { return share_of(sent, member, group); }),
                  with_others(group, [&](int64_t member) { return others[member]; }));
  const auto part = [&](int64_t member) { return member == group.rank() ? own : others[member]; };
  const int64_t last = group.size() - 1;
  auto sum = part(0).to(torch::kFloat);
  for (int64_t member = 1; member < last; ++member)
    sum.add_(part(member));
  auto share = share_of(values, group.rank(), group);
  at::add_out(share, sum, part(last));
}

// Puts the members' shares of `values` together.
void all_gather(Group& group, torch::Tensor values, Wire wire) {
  const bool in_place = wire == Wire::kExact;
  const auto own = on_wire(share_of(values, group.rank(), group), wire);
  auto all = in_place ? values : at::empty(values.sizes(), own.options());
  transfer_values(group, with_others(group, [&](int64_t) { return own; }),
                  with_others(group, [&](int64_t member) { return share_of(all, member, group); }));
  if (in_place) return;
  share_of(all, group.rank(), group).copy_(own);
  values.copy_(all);
}

}  // namespace

HierarchicalSum::HierarchicalSum(const Groups& groups, int64_t channel) {
  const Topology& topology = groups.world->topology();
  const int64_t rank = groups.world->rank(), G = topology.ranks_per_node;
  node_ = groups.subgroup({rank / G * G, G, 1, channel});
  peers_ = groups.subgroup({rank % G, topology.nodes, G, channel + 1});
}

void HierarchicalSum::add_up(const torch::Tensor& values, Wire wire) {
  scatter_in_node(values);
  scatter_between_nodes(values, wire);
  gather_between_nodes(values, wire);
  gather_in_node(values);
}

void HierarchicalSum::scatter_in_node(const torch::Tensor& values) {
  check(values.dim() == 1 && values.is_contiguous(), "sums are made of a contiguous vector");
  if (node_->size() == 1) return;
  const double start_s = steady_s();
  reduce_scatter(*node_, values, Wire::kExact);
  in_node_s_ += steady_s() - start_s;
}

void HierarchicalSum::scatter_between_nodes(const torch::Tensor& values, Wire wire) {
  if (peers_->size() == 1) return;
  const double start_s = steady_s();
  reduce_scatter(*peers_, share_of(values, node_->rank(), *node_), wire);
  if (wire != Wire::kExact) {
    auto own = own_part(values);
    own.copy_(on_wire(own, wire));
  }
  inter_node_s_ += steady_s() - start_s;
}

void HierarchicalSum::gather_between_nodes(const torch::Tensor& values, Wire wire) {
  if (peers_->size() == 1) return;
  const double start_s = steady_s();
  all_gather(*peers_, share_of(values, node_->rank(), *node_), wire);
  inter_node_s_ += steady_s() - start_s;
}

void HierarchicalSum::gather_in_node(const torch::Tensor& values) {
  if (node_->size() == 1) return;
  const double start_s = steady_s();
  all_gather(*node_, values, Wire::kExact);
  in_node_s_ += steady_s() - start_s;
}

torch::Tensor HierarchicalSum::own_part(const torch::Tensor& values) const {
  return share_of(share_of(values, node_->rank(), *node_), peers_->rank(), *peers_);
}

}  // namespace xp
