// Splits collectives into what the links do and what the host's groups do.
#include "engine/cuda/portable/device_group.h"

#include "engine/base/error.h"
#include "engine/comm/member_rows.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>

namespace xp {
namespace {

// What the groups of a rank share.
struct SharedLinks {
  torch::DeviceType device;
  LinkMaker maker;
  std::map<int64_t, LinkBytes> bytes;  // by channel
};

int64_t bytes_of(const torch::Tensor& tensor) {
  return static_cast<int64_t>(tensor.nbytes());
}

class LinkedRows final : public PendingRows {
 public:
  LinkedRows(torch::Tensor rows, std::unique_ptr<Passage> passage, std::shared_ptr<Links> links)
      : rows_(std::move(rows)), passage_(std::move(passage)), links_(std::move(links)) {}
  torch::Tensor rows() const override { return rows_; }
  torch::Tensor wait() override {
    passage_->wait();
    seconds_ += links_->ended_seconds();
    return rows_;
  }
  double seconds() const override { return seconds_; }

 private:
  torch::Tensor rows_;
  std::unique_ptr<Passage> passage_;
  std::shared_ptr<Links> links_;
  double seconds_ = 0;
};

class DeviceGroup final : public Group {
 public:
  DeviceGroup(std::shared_ptr<Group> host, int64_t channel, std::shared_ptr<SharedLinks> shared)
      : host_(std::move(host)),
        channel_(channel),
        shared_(std::move(shared)),
        bytes_(shared_->bytes[channel]) {}

  int64_t rank() const override { return host_->rank(); }
  int64_t size() const override { return host_->size(); }
  int64_t world_rank(int64_t member) const override { return host_->world_rank(member); }
  const Topology& topology() const override { return host_->topology(); }
  const LinkBytes& bytes() const override { return bytes_; }
  bool overlaps() const override { return host_->overlaps(); }
  std::string blame() override { return host_->blame(); }
  void give_up() override { host_->give_up(); }
  int64_t add_to_counter(const std::string& name, int64_t value) override {
    return host_->add_to_counter(name, value);
  }

  void all_reduce_sum(torch::Tensor& tensor) override {
    if (!goes_over_links(tensor)) return host_->all_reduce_sum(tensor);
    reduce(tensor, Reduction::kSum);
  }
  void all_reduce_max(torch::Tensor& tensor) override {
    if (!goes_over_links(tensor)) return host_->all_reduce_max(tensor);
    reduce(tensor, Reduction::kMax);
  }

  void broadcast(torch::Tensor& tensor, int64_t from) override {
    if (!goes_over_links(tensor)) return host_->broadcast(tensor, from);
    in_place(tensor, [&](torch::Tensor& whole) { links()->broadcast(whole, from); });
  }

  // Rows that failed on the links must not be found out after the barrier.
  void barrier() override {
    if (links_) links_->finish();
    host_->barrier();
  }

  torch::Tensor all_gather(const torch::Tensor& row) override {
    if (!goes_over_links(row)) return host_->all_gather(row);
    torch::Tensor rows = at::empty({size(), row.numel()}, row.options());
    links()->all_gather(row.contiguous(), rows);
    return rows;
  }

  std::unique_ptr<PendingRows> start_all_to_all(const torch::Tensor& rows,
                                                const std::vector<int64_t>& sent,
                                                const std::vector<int64_t>& taken) override {
    check(static_cast<int64_t>(sent.size()) == size(), "one row count per member");
    if (!goes_over_links(rows)) {
      return counted([&] { return host_->start_all_to_all(rows, sent, taken); });
    }
    const torch::Tensor in = rows.contiguous();
    const torch::Tensor out = empty_rows(in, taken), staying = rows_of(in, sent, rank());
    rows_of(out, taken, rank()).copy_(staying);
    count(rank(), bytes_of(staying));
    auto passage = started(without_empty(rows_of_others(in, sent, rank())),
                           without_empty(rows_of_others(out, taken, rank())));
    return std::make_unique<LinkedRows>(out, std::move(passage), links());
  }

  void transfer(const std::vector<Transfer>& sent, const std::vector<Transfer>& taken) override {
    const auto is_ours = [&](const Transfer& one) { return goes_over_links(one.values); };
    if (std::none_of(sent.begin(), sent.end(), is_ours) &&
        std::none_of(taken.begin(), taken.end(), is_ours)) {
      counted([&] { return host_->transfer(sent, taken), 0; });
      return;
    }
    started(without_empty(sent), without_empty(taken))->wait();
  }

 private:
  bool goes_over_links(const torch::Tensor& tensor) const {
    return size() > 1 && tensor.device().type() == shared_->device;
  }

  std::shared_ptr<Links> links() {
    if (!links_) links_ = shared_->maker(*host_, channel_);
    return links_;
  }

  void count(int64_t member, int64_t bytes) {
    const int64_t self = world_rank(rank()), to = world_rank(member);
    if (to == self)
      bytes_.on_rank += bytes;
    else if (topology().node_of(to) == topology().node_of(self))
      bytes_.in_node += bytes;
    else
      bytes_.inter_node += bytes;
  }

  // Calls an operation of the host's group and counts what it sends as this group's.
  template <class Call>
  std::invoke_result_t<Call> counted(Call call) {
    const LinkBytes before = host_->bytes();
    auto out = call();
    bytes_ += host_->bytes() - before;
    return out;
  }

  std::vector<Transfer> without_empty(const std::vector<Transfer>& all) const {
    std::vector<Transfer> out;
    for (const auto& one : all) {
      check(one.values.is_contiguous() && one.member != rank(), "transfers go to others");
      if (one.values.numel() > 0) out.push_back(one);
    }
    return out;
  }

  std::unique_ptr<Passage> started(std::vector<Transfer> sent, std::vector<Transfer> taken) {
    for (const auto& one : sent)
      count(one.member, bytes_of(one.values));
    return links()->exchange(std::move(sent), std::move(taken));
  }

  // Links take memory without gaps.
  template <class Call>
  void in_place(torch::Tensor& tensor, Call call) {
    torch::Tensor whole = tensor.contiguous();
    call(whole);
    if (!whole.is_same(tensor)) tensor.copy_(whole);
  }

  void reduce(torch::Tensor& tensor, Reduction reduction) {
    in_place(tensor, [&](torch::Tensor& whole) { links()->all_reduce(whole, reduction); });
  }

  std::shared_ptr<Group> host_;
  int64_t channel_;
  std::shared_ptr<SharedLinks> shared_;
  LinkBytes& bytes_;  // of the channel
  std::shared_ptr<Links> links_;
};

}  // namespace

Groups device_groups(const Groups& host, torch::DeviceType device, LinkMaker maker) {
  auto shared = std::make_shared<SharedLinks>();
  shared->device = device;
  shared->maker = std::move(maker);
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t>;
  auto known = std::make_shared<std::map<Key, std::shared_ptr<Group>>>();
  Groups out;
  out.subgroup = [=](const RankSet& set) {
    auto& group = (*known)[{set.first, set.count, set.stride, set.channel}];
    if (!group) group = std::make_shared<DeviceGroup>(host.subgroup(set), set.channel, shared);
    return group;
  };
  const Topology& topology = host.world->topology();
  const int64_t per_node = topology.ranks_per_node,
                rank = host.world->world_rank(host.world->rank());
  out.world = out.subgroup({0, topology.ranks(), 1});
  out.node = out.subgroup({rank / per_node * per_node, per_node});
  out.peers = out.subgroup({rank % per_node, topology.nodes, per_node});
  return out;
}

}  // namespace xp
