// Gloo through c10d.
#include "engine/comm/group.h"

#include "engine/base/error.h"
#include "engine/comm/all_to_all.h"
#include "engine/comm/gather.h"
#include "engine/comm/member_rows.h"
#include "engine/comm/node_memory.h"
#include "engine/comm/run_store.h"

#include <ATen/ops/empty.h>
#include <c10/util/ScopeExit.h>
#include <fmt/ranges.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

namespace xp {
namespace {

using GlooWorks = std::vector<c10::intrusive_ptr<c10d::Work>>;

// What the groups of a rank share.
struct Shared {
  Rendezvous rendezvous;
  c10::intrusive_ptr<RunStore> store;
  std::map<int64_t, LinkBytes> bytes;  // by channel
  std::vector<std::string> machines;   // by rank; empty until all have told
  std::shared_ptr<std::atomic<int>> rows_between_nodes = std::make_shared<std::atomic<int>>(0);

  int64_t rank() const { return rendezvous.rank; }

  void add(const std::shared_ptr<NodeMemory>& memory) {
    const std::lock_guard lock(mutex_);
    memories_.push_back(memory);
  }

  // c10d says that a connection broke, not whose. Who waits for this rank waits no longer.
  std::string blame() {
    close_memories();
    if (gave_up_) return "";
    const BlamedRanks blamed = store->ranks_to_blame();
    if (blamed.ranks.empty()) return "";
    const auto names = named(blamed.ranks);
    return blamed.are_gone
               ? fmt::format("; {} {} gone", names, blamed.ranks.size() == 1 ? "is" : "are")
               : fmt::format("; no answer from {} within {} s", names, rendezvous.timeout_s);
  }

  void give_up() {
    gave_up_ = true;
    close_memories();
    const std::lock_guard lock(mutex_);
    for (const GlooWorks* works : waited_for_)
      for (const auto& work : *works)
        work->abort();
  }

  // Until all are done, or this rank gives up.
  void wait_for(const GlooWorks& works) {
    {
      const std::lock_guard lock(mutex_);
      waited_for_.insert(&works);
    }
    const auto leave = c10::make_scope_exit([&] {
      const std::lock_guard lock(mutex_);
      waited_for_.erase(&works);
    });
    // One that gave up before it was among those is not aborted.
    const auto is_done = [&](const auto& work) { return !gave_up_ && work->wait(); };
    if (!std::all_of(works.begin(), works.end(), is_done)) machine_error("this rank gave up");
  }

 private:
  // "ranks 2, 3 on node1"; the machines only if there are several.
  std::string named(const std::vector<int64_t>& ranks) const {
    const bool has_several = std::set<std::string>(machines.begin(), machines.end()).size() > 1;
    const auto machine = [&](int64_t rank) {
      return has_several ? machines[static_cast<size_t>(rank)] : std::string();
    };
    std::vector<std::string> out;
    for (auto at = ranks.begin(); at != ranks.end();) {
      const auto end = std::find_if(at, ranks.end(),
                                    [&](int64_t rank) { return machine(rank) != machine(*at); });
      const auto on = machine(*at).empty() ? "" : " on " + machine(*at);
      out.push_back(
          fmt::format("rank{} {}{}", end - at == 1 ? "" : "s", fmt::join(at, end, ", "), on));
      at = end;
    }
    return fmt::format("{}", fmt::join(out, ", "));
  }

  void close_memories() {
    const std::lock_guard lock(mutex_);
    for (const auto& one : memories_)
      if (const auto memory = one.lock()) memory->close();
  }

  std::atomic<bool> gave_up_ = false;
  std::mutex mutex_;
  std::vector<std::weak_ptr<NodeMemory>> memories_;  // of the groups inside the node
  std::set<const GlooWorks*> waited_for_;
};

// Turns what c10d throws into our error; `what` names the operation.
template <class Call>
auto guarded(const char* what, Shared* shared, Call call) {
  try {
    return call();
  } catch (const std::exception& error) {
    std::string reason = error.what();
    reason = reason.substr(0, reason.find('\n'));
    machine_error("{}: {}{}", what, reason, shared != nullptr ? shared->blame() : "");
  }
}

void count(LinkBytes& bytes, const Topology& topology, int64_t self, int64_t to, int64_t sent) {
  if (to == self)
    bytes.on_rank += sent;
  else if (topology.node_of(to) == topology.node_of(self))
    bytes.in_node += sent;
  else
    bytes.inter_node += sent;
}

int64_t bytes_of(const Transfer& one) {
  return static_cast<int64_t>(one.values.nbytes());
}

// Rows that stay on the rank.
class LocalRows final : public PendingRows {
 public:
  explicit LocalRows(torch::Tensor rows) : rows_(std::move(rows)) {}
  torch::Tensor rows() const override { return rows_; }
  torch::Tensor wait() override { return rows_; }
  double seconds() const override { return 0; }

 private:
  torch::Tensor rows_;
};

struct DoneTransfers final : PendingTransfers {
  void wait() override {}
  double seconds() const override { return 0; }
};

// A group of one rank.
class SingleRankGroup final : public Group {
 public:
  SingleRankGroup(const Rendezvous& rendezvous, std::shared_ptr<LinkBytes> bytes)
      : rendezvous_(rendezvous), bytes_(std::move(bytes)) {}
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 1; }
  int64_t world_rank(int64_t) const override { return rendezvous_.rank; }
  const Topology& topology() const override { return rendezvous_.topology; }
  void all_reduce_sum(torch::Tensor&) override {}
  void all_reduce_max(torch::Tensor&) override {}
  void broadcast(torch::Tensor&, int64_t) override {}
  void barrier() override {}
  std::unique_ptr<PendingRows> start_all_to_all(const torch::Tensor& rows,
                                                const std::vector<int64_t>&,
                                                const std::vector<int64_t>&) override {
    bytes_->on_rank += static_cast<int64_t>(rows.nbytes());
    return std::make_unique<LocalRows>(rows);
  }
  void transfer(const std::vector<Transfer>& sent, const std::vector<Transfer>& taken) override {
    check(sent.empty() && taken.empty(), "a group of one rank transfers nothing");
  }
  torch::Tensor all_gather(const torch::Tensor& row) override { return row.unsqueeze(0); }
  int64_t add_to_counter(const std::string& name, int64_t value) override {
    return std::exchange(counters_[name], counters_[name] + value);
  }
  const LinkBytes& bytes() const override { return *bytes_; }
  bool overlaps() const override { return rendezvous_.overlap; }

 private:
  Rendezvous rendezvous_;
  std::shared_ptr<LinkBytes> bytes_;
  std::map<std::string, int64_t> counters_;
};

using Gloo = c10::intrusive_ptr<c10d::ProcessGroupGloo>;

// Rows that go through memory. They are copied at once, so that nothing is kept.
class MemoryRows final : public PendingRows {
 public:
  MemoryRows(std::shared_ptr<NodeMemory> memory, int64_t rank, const torch::Tensor& in,
             torch::Tensor out, int64_t row_bytes, const std::vector<int64_t>& sent,
             const std::vector<int64_t>& taken, Shared& shared)
      : memory_(std::move(memory)), out_(std::move(out)), shared_(shared) {
    const auto* from = static_cast<const char*>(in.const_data_ptr());
    auto* to = static_cast<char*>(out_.data_ptr());
    for (size_t i = 0; i < sent.size(); ++i) {
      const auto member = static_cast<int64_t>(i);
      const int64_t leaving = sent[i] * row_bytes, coming = taken[i] * row_bytes;
      if (member == rank) {
        std::copy_n(from, leaving, to);
      } else {
        if (leaving > 0) memory_->send(member, from, leaving);
        if (coming > 0) expected_.push_back({member, memory_->expect(member), to, coming});
      }
      from += leaving;
      to += coming;
    }
  }
  torch::Tensor rows() const override { return out_; }
  torch::Tensor wait() override {
    guarded("all-to-all", &shared_, [this] {
      for (; !expected_.empty(); expected_.pop_back()) {
        const auto& [member, number, to, bytes] = expected_.back();
        const double sent_s = memory_->receive(member, number, to, bytes);
        seconds_ = std::max(seconds_, sent_s - started_s_);
      }
    });
    return out_;
  }
  double seconds() const override { return seconds_; }

 private:
  struct Expected {
    int64_t member, number;
    char* to;
    int64_t bytes;
  };
  std::shared_ptr<NodeMemory> memory_;
  torch::Tensor out_;
  std::vector<Expected> expected_;
  Shared& shared_;
  double started_s_ = steady_s(), seconds_ = 0;
};

// c10d does not say when a transfer is done, only wait for it: a thread does.
class GlooTransfers final : public PendingTransfers {
 public:
  GlooTransfers(GlooWorks works, std::vector<Transfer> kept, bool spans_nodes, Shared& shared)
      : works_(std::move(works)), kept_(std::move(kept)), shared_(shared) {
    const int counts = spans_nodes ? 1 : 0;
    shared_.rows_between_nodes->fetch_add(counts);
    done_ = std::async(std::launch::async, [this, counts, start = Clock::now()] {
      const auto leave =
          c10::make_scope_exit([&] { shared_.rows_between_nodes->fetch_sub(counts); });
      for (const auto& work : works_)
        work->wait();
      seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
    });
  }
  // Not waited for: this rank failed, and others may wait for its end before they send.
  ~GlooTransfers() override {
    if (done_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) return;
    for (const auto& work : works_)
      work->abort();
  }
  GlooTransfers(const GlooTransfers&) = delete;
  GlooTransfers& operator=(const GlooTransfers&) = delete;
  void wait() override {
    guarded("all-to-all", &shared_, [this] { done_.get(); });
  }
  double seconds() const override { return seconds_; }

 private:
  GlooWorks works_;
  std::vector<Transfer> kept_;
  Shared& shared_;
  double seconds_ = 0;             // written before `done_` is
  std::shared_future<void> done_;  // whose end is waited for before all else ends
};

// Rows as transfers. c10d's own all-to-all begins to send before it says that it has room: on a
// slow link what comes then waits until all has left.
class GlooRows final : public PendingRows {
 public:
  GlooRows(torch::Tensor out, std::unique_ptr<PendingTransfers> pending)
      : out_(std::move(out)), pending_(std::move(pending)) {}
  torch::Tensor rows() const override { return out_; }
  torch::Tensor wait() override {
    pending_->wait();
    return out_;
  }
  double seconds() const override { return pending_->seconds(); }

 private:
  torch::Tensor out_;
  std::unique_ptr<PendingTransfers> pending_;
};

class GlooGroup final : public Group {
 public:
  GlooGroup(const std::string& name, const RankSet& set, std::shared_ptr<Shared> shared)
      : set_(set), shared_(std::move(shared)), bytes_(shared_->bytes[set.channel]) {
    const Rendezvous& rendezvous = shared_->rendezvous;
    auto options =
        c10d::ProcessGroupGloo::Options::create(std::chrono::seconds(rendezvous.timeout_s));
    options->devices.push_back(
        rendezvous.interface.empty()
            ? c10d::ProcessGroupGloo::createDeviceForHostname(rendezvous.host)
            : c10d::ProcessGroupGloo::createDeviceForInterface(rendezvous.interface));
    options->threads = 1;
    const int64_t member = (rendezvous.rank - set.first) / set.stride;
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>(name, shared_->store), static_cast<int>(member),
        static_cast<int>(set.count), options);
    if (spans_nodes(*this)) return;
    memory_ = NodeMemory::meet(*this, rendezvous.timeout_s);
    if (memory_) shared_->add(memory_);
  }

  int64_t rank() const override { return gloo_->getRank(); }
  int64_t size() const override { return gloo_->getSize(); }
  int64_t world_rank(int64_t member) const override { return set_.first + member * set_.stride; }
  const Topology& topology() const override { return shared_->rendezvous.topology; }

  void all_reduce_sum(torch::Tensor& tensor) override { reduce(tensor, c10d::ReduceOp::SUM); }
  void all_reduce_max(torch::Tensor& tensor) override { reduce(tensor, c10d::ReduceOp::MAX); }

  void broadcast(torch::Tensor& tensor, int64_t from) override {
    guarded("broadcast", shared_.get(), [&] {
      c10d::BroadcastOptions options;
      options.rootRank = from;
      std::vector<torch::Tensor> tensors{tensor};
      gloo_->broadcast(tensors, options)->wait();
    });
  }

  void barrier() override {
    guarded("barrier", shared_.get(), [&] { gloo_->barrier()->wait(); });
  }

  std::unique_ptr<PendingRows> start_all_to_all(const torch::Tensor& rows,
                                                const std::vector<int64_t>& sent,
                                                const std::vector<int64_t>& taken) override {
    check(static_cast<int64_t>(sent.size()) == size() && taken.size() == sent.size(),
          "one row count per member");
    torch::Tensor in = rows.contiguous();
    const int64_t row_bytes = in.itemsize() * c10::multiply_integers(in.sizes().slice(1));
    for (int64_t member = 0; member < size(); ++member) {
      count(bytes_, topology(), shared_->rank(), world_rank(member),
            sent[static_cast<size_t>(member)] * row_bytes);
    }
    torch::Tensor out = empty_rows(in, taken);
    const auto self = static_cast<size_t>(rank());
    check(std::accumulate(sent.begin(), sent.end(), int64_t{0}) == in.size(0) &&
              sent[self] == taken[self],
          "counts are those of the rows");
    if (memory_) {
      return guarded("all-to-all", shared_.get(), [&] {
        return std::make_unique<MemoryRows>(memory_, rank(), in, std::move(out), row_bytes, sent,
                                            taken, *shared_);
      });
    }
    rows_of(out, taken, rank()).copy_(rows_of(in, sent, rank()));
    auto leaving = rows_of_others(in, sent, rank()), coming = rows_of_others(out, taken, rank());
    return guarded("all-to-all", shared_.get(), [&] {
      return std::make_unique<GlooRows>(out, begun(std::move(leaving), std::move(coming)));
    });
  }

  void transfer(const std::vector<Transfer>& sent, const std::vector<Transfer>& taken) override {
    for (const auto& one : sent)
      count(bytes_, topology(), shared_->rank(), world_rank(one.member), bytes_of(one));
    guarded("transfer", shared_.get(), [&] {
      const auto works = started(sent, taken);
      for (const auto& one : sent)
        if (fits_memory(one)) memory_->send(one.member, one.values.const_data_ptr(), bytes_of(one));
      for (const auto& one : taken) {
        if (!fits_memory(one)) continue;
        memory_->receive(one.member, memory_->expect(one.member), one.values.data_ptr(),
                         bytes_of(one));
      }
      shared_->wait_for(works);
    });
  }

  std::unique_ptr<PendingTransfers> start_transfer(std::vector<Transfer> sent,
                                                   std::vector<Transfer> taken) override {
    if (memory_) return Group::start_transfer(std::move(sent), std::move(taken));
    for (const auto& one : sent)
      count(bytes_, topology(), shared_->rank(), world_rank(one.member), bytes_of(one));
    return guarded("all-to-all", shared_.get(),
                   [&] { return begun(std::move(sent), std::move(taken)); });
  }

  torch::Tensor all_gather(const torch::Tensor& row) override {
    torch::Tensor out = at::empty({size(), row.numel()}, row.options());
    std::vector<torch::Tensor> parts = out.unbind(0);
    std::vector<std::vector<torch::Tensor>> outputs{parts};
    std::vector<torch::Tensor> inputs{row.contiguous().view({-1})};
    guarded("all-gather", shared_.get(), [&] { gloo_->allgather(outputs, inputs)->wait(); });
    return out;
  }

  int64_t add_to_counter(const std::string& name, int64_t value) override {
    const auto key = fmt::format("counter {}-{}-{} {}", set_.first, set_.count, set_.stride, name);
    return guarded("counter", shared_.get(), [&] { return shared_->store->add(key, value); }) -
           value;
  }

  const LinkBytes& bytes() const override { return bytes_; }
  bool overlaps() const override { return shared_->rendezvous.overlap; }
  bool packs() const override { return shared_->rendezvous.packs; }
  bool has_rows_between_nodes() const override { return shared_->rows_between_nodes->load() > 0; }
  std::string blame() override { return shared_->blame(); }
  void give_up() override { shared_->give_up(); }

 private:
  static constexpr int kTag = 0;

  // Larger ones would leave memory behind that is not used again.
  bool fits_memory(const Transfer& one) const {
    constexpr int64_t kMaxBytes = int64_t{16} << 20;
    return memory_ && one.values.numel() > 0 && bytes_of(one) <= kMaxBytes;
  }

  // Those that do not fit memory.
  GlooWorks started(const std::vector<Transfer>& sent, const std::vector<Transfer>& taken) {
    GlooWorks works;
    const auto start = [&](const Transfer& one, auto operation) {
      check(one.values.is_contiguous() && one.member != rank(), "transfers go to others");
      if (one.values.numel() == 0 || fits_memory(one)) return;
      std::vector<torch::Tensor> tensors{one.values};
      works.push_back((gloo_.get()->*operation)(tensors, static_cast<int>(one.member), kTag));
    };
    for (const auto& one : taken)
      start(one, &c10d::ProcessGroupGloo::recv);
    for (const auto& one : sent)
      start(one, &c10d::ProcessGroupGloo::send);
    return works;
  }

  // To be waited for later.
  std::unique_ptr<PendingTransfers> begun(std::vector<Transfer> sent, std::vector<Transfer> taken) {
    auto works = started(sent, taken);
    taken.insert(taken.end(), sent.begin(), sent.end());
    return std::make_unique<GlooTransfers>(std::move(works), std::move(taken), spans_nodes(*this),
                                           *shared_);
  }

  void reduce(torch::Tensor& tensor, c10d::ReduceOp::RedOpType operation) {
    guarded("all-reduce", shared_.get(), [&] {
      c10d::AllreduceOptions options;
      options.reduceOp = operation;
      std::vector<torch::Tensor> tensors{tensor};
      gloo_->allreduce(tensors, options)->wait();
    });
  }

  RankSet set_;
  std::shared_ptr<Shared> shared_;
  LinkBytes& bytes_;  // of the channel
  Gloo gloo_;
  std::shared_ptr<NodeMemory> memory_;  // of a group inside a node, if its ranks can share it
};

}  // namespace

std::unique_ptr<PendingTransfers> Group::start_transfer(std::vector<Transfer> sent,
                                                        std::vector<Transfer> taken) {
  transfer(sent, taken);
  return std::make_unique<DoneTransfers>();
}

Groups alone() {
  auto one = std::make_shared<SingleRankGroup>(Rendezvous{}, std::make_shared<LinkBytes>());
  return {one, one, one, [one](const RankSet&) { return one; }};
}

Groups connect(const Rendezvous& rendezvous) {
  const Topology& topology = rendezvous.topology;
  if (topology.ranks() == 1) return alone();
  return guarded("meeting the other ranks", nullptr, [&]() -> Groups {
    auto shared = std::make_shared<Shared>();
    shared->rendezvous = rendezvous;
    shared->store = c10::make_intrusive<RunStore>(rendezvous);
    Groups out;
    // The ranks of a set meet once: what they left in the store for each other cannot be left
    // twice.
    auto known = std::make_shared<std::map<std::string, std::shared_ptr<Group>>>();
    out.subgroup = [shared, known](RankSet set) -> std::shared_ptr<Group> {
      if (set.count == 1) {
        return std::make_shared<SingleRankGroup>(
            shared->rendezvous, std::shared_ptr<LinkBytes>(shared, &shared->bytes[set.channel]));
      }
      const auto name =
          fmt::format("ranks-{}-{}-{}-{}", set.first, set.count, set.stride, set.channel);
      auto& group = (*known)[name];
      if (!group) group = std::make_shared<GlooGroup>(name, set, shared);
      return group;
    };
    out.world = out.subgroup({0, topology.ranks(), 1});
    const int64_t per_node = topology.ranks_per_node, rank = rendezvous.rank;
    out.node = out.subgroup({rank / per_node * per_node, per_node});
    out.peers = out.subgroup({rank % per_node, topology.nodes, per_node});
    shared->machines = gather_texts(*out.world, rendezvous.machine);
    return out;
  });
}

}  // namespace xp
