// Gloo through c10d.
#include "engine/comm/group.h"

#include "engine/base/error.h"

#include <ATen/ops/empty.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>

namespace xp {
namespace {

// Turns what c10d throws into our error; `what` names the operation.
template <class Call>
auto guarded(const char* what, Call call) {
  try {
    return call();
  } catch (const std::exception& error) {
    std::string reason = error.what();
    reason = reason.substr(0, reason.find('\n'));
    machine_error("{}: {}", what, reason);
  }
}

class Alone final : public Group {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 1; }
  int64_t world_rank(int64_t) const override { return 0; }
  const Topology& topology() const override { return topology_; }
  void all_reduce_sum(torch::Tensor&) override {}
  void all_reduce_max(torch::Tensor&) override {}
  void broadcast(torch::Tensor&, int64_t) override {}
  void barrier() override {}
  torch::Tensor all_to_all(const torch::Tensor& rows, const std::vector<int64_t>&,
                           const std::vector<int64_t>&) override {
    bytes_.on_rank += static_cast<int64_t>(rows.nbytes());
    return rows;
  }
  torch::Tensor all_gather(const torch::Tensor& row) override { return row.unsqueeze(0); }
  const LinkBytes& bytes() const override { return bytes_; }

 private:
  Topology topology_;
  LinkBytes bytes_;
};

class GlooGroup final : public Group {
 public:
  GlooGroup(c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo, Topology topology,
            int64_t first_world_rank, int64_t this_world_rank, std::shared_ptr<LinkBytes> bytes)
      : gloo_(std::move(gloo)),
        topology_(topology),
        first_(first_world_rank),
        self_(this_world_rank),
        bytes_(std::move(bytes)) {}

  int64_t rank() const override { return gloo_->getRank(); }
  int64_t size() const override { return gloo_->getSize(); }
  int64_t world_rank(int64_t member) const override { return first_ + member; }
  const Topology& topology() const override { return topology_; }

  void all_reduce_sum(torch::Tensor& tensor) override { reduce(tensor, c10d::ReduceOp::SUM); }
  void all_reduce_max(torch::Tensor& tensor) override { reduce(tensor, c10d::ReduceOp::MAX); }

  void broadcast(torch::Tensor& tensor, int64_t from) override {
    guarded("broadcast", [&] {
      c10d::BroadcastOptions options;
      options.rootRank = from;
      std::vector<torch::Tensor> tensors{tensor};
      gloo_->broadcast(tensors, options)->wait();
    });
  }

  void barrier() override {
    guarded("barrier", [&] { gloo_->barrier()->wait(); });
  }

  torch::Tensor all_to_all(const torch::Tensor& rows, const std::vector<int64_t>& sent,
                           const std::vector<int64_t>& taken) override {
    check(static_cast<int64_t>(sent.size()) == size(), "one row count per member");
    torch::Tensor in = rows.contiguous();
    auto shape = in.sizes().vec();
    shape[0] = std::accumulate(taken.begin(), taken.end(), int64_t{0});
    torch::Tensor out = at::empty(shape, in.options());
    count(in, sent);
    auto out_splits = taken;
    auto in_splits = sent;
    guarded("all-to-all", [&] { gloo_->alltoall_base(out, in, out_splits, in_splits)->wait(); });
    return out;
  }

  torch::Tensor all_gather(const torch::Tensor& row) override {
    torch::Tensor out = at::empty({size(), row.numel()}, row.options());
    std::vector<torch::Tensor> parts = out.unbind(0);
    std::vector<std::vector<torch::Tensor>> outputs{parts};
    std::vector<torch::Tensor> inputs{row.contiguous().view({-1})};
    guarded("all-gather", [&] { gloo_->allgather(outputs, inputs)->wait(); });
    return out;
  }

  const LinkBytes& bytes() const override { return *bytes_; }

 private:
  void reduce(torch::Tensor& tensor, c10d::ReduceOp::RedOpType operation) {
    guarded("all-reduce", [&] {
      c10d::AllreduceOptions options;
      options.reduceOp = operation;
      std::vector<torch::Tensor> tensors{tensor};
      gloo_->allreduce(tensors, options)->wait();
    });
  }

  void count(const torch::Tensor& rows, const std::vector<int64_t>& sent) {
    const int64_t num_rows = rows.size(0);
    const int64_t row_bytes = num_rows == 0 ? 0 : static_cast<int64_t>(rows.nbytes()) / num_rows;
    for (int64_t member = 0; member < size(); ++member) {
      const int64_t bytes = sent[static_cast<size_t>(member)] * row_bytes;
      const int64_t to = world_rank(member);
      if (to == self_)
        bytes_->on_rank += bytes;
      else if (topology_.node_of(to) == topology_.node_of(self_))
        bytes_->in_node += bytes;
      else
        bytes_->inter_node += bytes;
    }
  }

  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
  Topology topology_;
  int64_t first_, self_;
  std::shared_ptr<LinkBytes> bytes_;
};

c10::intrusive_ptr<c10d::ProcessGroupGloo> make_gloo(const c10::intrusive_ptr<c10d::Store>& store,
                                                     const std::string& name, int64_t rank,
                                                     int64_t size, const Rendezvous& rendezvous) {
  auto options =
      c10d::ProcessGroupGloo::Options::create(std::chrono::seconds(rendezvous.timeout_s));
  options->devices.push_back(
      rendezvous.interface.empty()
          ? c10d::ProcessGroupGloo::createDeviceForHostname(rendezvous.host)
          : c10d::ProcessGroupGloo::createDeviceForInterface(rendezvous.interface));
  options->threads = 1;
  return c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>(name, store), static_cast<int>(rank),
      static_cast<int>(size), options);
}

}  // namespace

Groups alone() {
  auto one = std::make_shared<Alone>();
  return {one, one};
}

Groups connect(const Rendezvous& rendezvous) {
  const Topology& topology = rendezvous.topology;
  if (topology.ranks() == 1) return alone();
  return guarded("meeting the other ranks", [&]() -> Groups {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(rendezvous.port);
    options.isServer = rendezvous.rank == 0;
    options.numWorkers = static_cast<size_t>(topology.ranks());
    options.timeout = std::chrono::seconds(rendezvous.timeout_s);
    const c10::intrusive_ptr<c10d::Store> store =
        c10::make_intrusive<c10d::TCPStore>(rendezvous.host, options);
    auto bytes = std::make_shared<LinkBytes>();
    auto world = make_gloo(store, "world", rendezvous.rank, topology.ranks(), rendezvous);
    Groups out;
    out.world = std::make_shared<GlooGroup>(world, topology, 0, rendezvous.rank, bytes);
    const int64_t node = topology.node_of(rendezvous.rank);
    const int64_t first = node * topology.ranks_per_node;
    if (topology.nodes == 1) {
      out.node = out.world;
    } else {
      auto inner = make_gloo(store, fmt::format("node-{}", node), rendezvous.rank - first,
                             topology.ranks_per_node, rendezvous);
      out.node = std::make_shared<GlooGroup>(inner, topology, first, rendezvous.rank, bytes);
    }
    return out;
  });
}

}  // namespace xp
