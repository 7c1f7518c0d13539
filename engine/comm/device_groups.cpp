// Each operation on copies in the host's memory.
#include "engine/comm/device_groups.h"

#include "engine/comm/member_rows.h"
#include "engine/device/accelerator.h"

#include <ATen/ops/empty.h>

#include <map>

namespace xp {
namespace {

torch::Tensor on_host(const torch::Tensor& tensor) {
  const UncountedReads uncounted;
  return tensor.to(torch::kCPU).contiguous();
}

void bring_back(const torch::Tensor& host, torch::Tensor tensor) {
  const UncountedReads uncounted;
  tensor.copy_(host);
}

// Rows that arrive in the host's memory and then move to the device.
class HostedRows final : public PendingRows {
 public:
  HostedRows(std::unique_ptr<PendingRows> pending, torch::Tensor out)
      : pending_(std::move(pending)), out_(std::move(out)) {}
  torch::Tensor rows() const override { return out_; }
  torch::Tensor wait() override {
    if (!is_there_) bring_back(pending_->wait(), out_);
    is_there_ = true;
    return out_;
  }
  double seconds() const override { return pending_->seconds(); }

 private:
  std::unique_ptr<PendingRows> pending_;
  torch::Tensor out_;
  bool is_there_ = false;
};

class HostedGroup final : public Group {
 public:
  explicit HostedGroup(std::shared_ptr<Group> host) : host_(std::move(host)) {}

  int64_t rank() const override { return host_->rank(); }
  int64_t size() const override { return host_->size(); }
  int64_t world_rank(int64_t member) const override { return host_->world_rank(member); }
  const Topology& topology() const override { return host_->topology(); }

  void all_reduce_sum(torch::Tensor& tensor) override {
    in_place(tensor, [this](torch::Tensor& one) { host_->all_reduce_sum(one); });
  }
  void all_reduce_max(torch::Tensor& tensor) override {
    in_place(tensor, [this](torch::Tensor& one) { host_->all_reduce_max(one); });
  }
  void broadcast(torch::Tensor& tensor, int64_t from) override {
    in_place(tensor, [this, from](torch::Tensor& one) { host_->broadcast(one, from); });
  }
  void barrier() override { host_->barrier(); }

  std::unique_ptr<PendingRows> start_all_to_all(const torch::Tensor& rows,
                                                const std::vector<int64_t>& sent,
                                                const std::vector<int64_t>& taken) override {
    if (rows.is_cpu()) return host_->start_all_to_all(rows, sent, taken);
    return std::make_unique<HostedRows>(host_->start_all_to_all(on_host(rows), sent, taken),
                                        empty_rows(rows, taken));
  }

  void transfer(const std::vector<Transfer>& sent, const std::vector<Transfer>& taken) override {
    std::vector<Transfer> leaving, arriving;
    for (const auto& one : sent)
      leaving.push_back({one.member, one.values.is_cpu() ? one.values : on_host(one.values)});
    for (const auto& one : taken) {
      arriving.push_back({one.member, one.values.is_cpu()
                                          ? one.values
                                          : at::empty(one.values.sizes(),
                                                      one.values.options().device(torch::kCPU))});
    }
    host_->transfer(leaving, arriving);
    for (size_t i = 0; i < taken.size(); ++i)
      if (!taken[i].values.is_cpu()) bring_back(arriving[i].values, taken[i].values);
  }

  torch::Tensor all_gather(const torch::Tensor& row) override {
    if (row.is_cpu()) return host_->all_gather(row);
    const auto all = host_->all_gather(on_host(row));
    auto out = at::empty(all.sizes(), row.options());
    bring_back(all, out);
    return out;
  }

  int64_t add_to_counter(const std::string& name, int64_t value) override {
    return host_->add_to_counter(name, value);
  }
  const LinkBytes& bytes() const override { return host_->bytes(); }
  bool overlaps() const override { return host_->overlaps(); }
  bool has_rows_between_nodes() const override { return host_->has_rows_between_nodes(); }
  std::string blame() override { return host_->blame(); }
  void give_up() override { host_->give_up(); }

 private:
  static void in_place(torch::Tensor& tensor,
                       const std::function<void(torch::Tensor&)>& operation) {
    if (tensor.is_cpu()) return operation(tensor);
    auto host = on_host(tensor);
    operation(host);
    bring_back(host, tensor);
  }

  std::shared_ptr<Group> host_;
};

}  // namespace

Groups for_devices(const Groups& host) {
  // The same wrapper for a group each time.
  auto known = std::make_shared<std::map<Group*, std::shared_ptr<Group>>>();
  const auto wrapped = [known](std::shared_ptr<Group> group) -> std::shared_ptr<Group> {
    if (!group || group->size() == 1) return group;  // of one rank nothing moves
    auto& found = (*known)[group.get()];
    if (!found) found = std::make_shared<HostedGroup>(std::move(group));
    return found;
  };
  return {wrapped(host.world), wrapped(host.node), wrapped(host.peers),
          [wrapped, make = host.subgroup](const RankSet& set) { return wrapped(make(set)); }};
}

}  // namespace xp
