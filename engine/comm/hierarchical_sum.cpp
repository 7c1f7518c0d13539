// All steps are all-to-alls, so that the order of every sum is ours and not that of a ring.
#include "engine/comm/hierarchical_sum.h"

#include "engine/base/error.h"

namespace xp {
namespace {

// How many of n values belong to each member.
std::vector<int64_t> shares_of(int64_t n, int64_t members) {
  std::vector<int64_t> out;
  for (int64_t member = 0; member < members; ++member)
    out.push_back(n * (member + 1) / members - n * member / members);
  return out;
}

std::vector<int64_t> each(int64_t members, int64_t n) {
  std::vector<int64_t> out(static_cast<size_t>(members), n);
  return out;
}

// The sums of this member's share.
torch::Tensor reduce_scatter(Group& group, const torch::Tensor& values, Wire wire) {
  const auto shares = shares_of(values.numel(), group.size());
  const int64_t own = shares[static_cast<size_t>(group.rank())];
  const auto parts = group.all_to_all(on_wire(values, wire), shares, each(group.size(), own))
                         .view({group.size(), own});
  auto sum = parts[0].to(torch::kFloat);
  for (int64_t member = 1; member < group.size(); ++member)
    sum.add_(parts[member]);
  return sum;
}

// Puts the members' shares together.
void all_gather(Group& group, const torch::Tensor& share, Wire wire, torch::Tensor& values) {
  const auto copies = on_wire(share, wire).repeat({group.size()});
  values.copy_(group.all_to_all(copies, each(group.size(), share.numel()),
                                shares_of(values.numel(), group.size())));
}

}  // namespace

HierarchicalSum::HierarchicalSum(const Groups& groups, int64_t channel) {
  const Topology& topology = groups.world->topology();
  const int64_t rank = groups.world->rank(), G = topology.ranks_per_node;
  node_ = groups.subgroup({rank / G * G, G, 1, channel});
  peers_ = groups.subgroup({rank % G, topology.nodes, G, channel});
}

void HierarchicalSum::add_up(torch::Tensor values, Wire wire) {
  check(values.dim() == 1 && values.is_contiguous(), "sums are made of a contiguous vector");
  const bool has_mates = node_->size() > 1;
  auto share = has_mates ? reduce_scatter(*node_, values, Wire::kExact) : values;
  if (peers_->size() > 1) all_gather(*peers_, reduce_scatter(*peers_, share, wire), wire, share);
  if (has_mates) all_gather(*node_, share, Wire::kExact, values);
}

int64_t inter_node_bytes_of_sum(const Topology& topology, int64_t n, Wire wire) {
  return 2 * (topology.nodes - 1) * n * (wire == Wire::kBf16 ? 2 : 4);
}

}  // namespace xp
