// Operations are put onto a stream between two events. The watchdog looks at the second one.
#include "engine/cuda/nccl_links.h"

#include "engine/base/error.h"

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <list>
#include <mutex>
#include <nccl.h>
#include <thread>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;
using at::cuda::CUDAEvent;

constexpr auto kWatch = std::chrono::milliseconds(200);
constexpr auto kPoll = std::chrono::microseconds(50);

ncclDataType_t type_of(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat:
      return ncclFloat32;
    case torch::kDouble:
      return ncclFloat64;
    case torch::kHalf:
      return ncclFloat16;
    case torch::kBFloat16:
      return ncclBfloat16;
    case torch::kLong:
      return ncclInt64;
    case torch::kInt:
      return ncclInt32;
    default:
      break;
  }
  throw Error(Blame::kBug, fmt::format("sums of {} over ranks", toString(tensor.scalar_type())));
}

// An operation on the stream.
struct Started {
  const char* what;
  Clock::time_point since;
  std::shared_ptr<CUDAEvent> begin, end;
  bool is_exchange = false;
};

class NcclLinks final : public Links {
 public:
  NcclLinks(Group& host, int64_t timeout_s)
      : host_(host),
        timeout_(timeout_s),
        device_(c10::cuda::current_device()),
        stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device_)) {
    meet();
    watchdog_ = std::thread([this] { watch(); });
  }

  ~NcclLinks() override {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    news_.notify_all();
    watchdog_.join();
    if (failure_.empty()) ncclCommAbort(comm_);  // does not wait for the others, as a destroy would
  }

  void all_reduce(torch::Tensor& tensor, Reduction reduction) override {
    const auto operation = reduction == Reduction::kSum ? ncclSum : ncclMax;
    const auto passed = run("all-reduce", false, [&] {
      return ncclAllReduce(tensor.const_data_ptr(), tensor.mutable_data_ptr(),
                           static_cast<size_t>(tensor.numel()), type_of(tensor), operation, comm_,
                           stream_.stream());
    });
    block_current(*passed.end);
  }

  void broadcast(torch::Tensor& tensor, int64_t from) override {
    const auto passed = run("broadcast", false, [&] {
      return ncclBroadcast(tensor.const_data_ptr(), tensor.mutable_data_ptr(), tensor.nbytes(),
                           ncclInt8, static_cast<int>(from), comm_, stream_.stream());
    });
    block_current(*passed.end);
  }

  void all_gather(const torch::Tensor& row, torch::Tensor& rows) override {
    const auto passed = run("all-gather", false, [&] {
      return ncclAllGather(row.const_data_ptr(), rows.mutable_data_ptr(), row.nbytes(), ncclInt8,
                           comm_, stream_.stream());
    });
    block_current(*passed.end);
  }

  std::unique_ptr<Passage> exchange(std::vector<Transfer> sent,
                                    std::vector<Transfer> taken) override;

  double ended_seconds() override {
    const std::lock_guard lock(mutex_);
    drop_ended();
    return std::exchange(ended_s_, 0.0);
  }

  void finish() override {
    stream_.synchronize();
    const std::lock_guard lock(mutex_);
    raise_failure("barrier");
  }

  // What follows on the current stream waits for the event.
  void block_current(CUDAEvent& event) const {
    event.block(c10::cuda::getCurrentCUDAStream(device_));
  }

  void raise_if_failed(const char* what) {
    const std::lock_guard lock(mutex_);
    raise_failure(what);
  }

 private:
  void meet() {
    const c10::cuda::CUDAGuard guard(device_);
    ncclUniqueId id{};
    if (host_.rank() == 0) must(ncclGetUniqueId(&id), "the first rank's address");
    auto bytes = at::empty({static_cast<int64_t>(sizeof id)}, torch::kByte);
    std::memcpy(bytes.mutable_data_ptr(), &id, sizeof id);
    host_.broadcast(bytes, 0);
    std::memcpy(&id, bytes.const_data_ptr(), sizeof id);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // so that a rank that never comes is noticed
    must(ncclCommInitRankConfig(&comm_, static_cast<int>(host_.size()), id,
                                static_cast<int>(host_.rank()), &config),
         "connecting GPUs");
  }

  // Waits until the call has been taken, which NCCL does in the background.
  void must(ncclResult_t result, const char* what) {
    const auto deadline = Clock::now() + timeout_;
    while (result == ncclInProgress && Clock::now() < deadline) {
      std::this_thread::sleep_for(kPoll);
      if (ncclCommGetAsyncError(comm_, &result) != ncclSuccess) break;
    }
    if (result == ncclSuccess) return;
    failure_ = words_of(result);
    if (comm_ != nullptr) ncclCommAbort(comm_);
    raise_failure(what);
  }

  std::string words_of(ncclResult_t result) const {
    if (result == ncclInProgress) return fmt::format("no answer within {} s", timeout_.count());
    const char* const last = ncclGetLastError(comm_);
    const bool says_more = last != nullptr && *last != '\0';
    return fmt::format("NCCL {}: {}{}{}; NCCL_DEBUG=INFO tells more", nccl_version(),
                       ncclGetErrorString(result), says_more ? ": " : "", says_more ? last : "");
  }

  // With the mutex, or before there is a watchdog.
  void raise_failure(const char* what) {
    if (failure_.empty()) return;
    if (!blame_) blame_ = host_.blame();
    machine_error("{} on GPU {}: {}{}", what, device_, failure_, *blame_);
  }

  template <class Call>
  Started run(const char* what, bool is_exchange, Call call) {
    const c10::cuda::CUDAGuard guard(device_);
    Started one{what, Clock::now(), std::make_shared<CUDAEvent>(cudaEventDefault),
                std::make_shared<CUDAEvent>(cudaEventDefault), is_exchange};
    CUDAEvent ready;
    ready.record(c10::cuda::getCurrentCUDAStream(device_));
    ready.block(stream_);
    const std::lock_guard lock(mutex_);
    raise_failure(what);
    one.begin->record(stream_);
    must(call(), what);
    one.end->record(stream_);
    started_.push_back(one);
    return one;
  }

  // Forgets operations that have ended.
  void drop_ended() {
    while (!started_.empty() && started_.front().end->query()) {
      const Started& one = started_.front();
      if (one.is_exchange) ended_s_ += 1e-3 * one.begin->elapsed_time(*one.end);
      started_.pop_front();
    }
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (!news_.wait_for(lock, kWatch, [&] { return is_over_; })) {
      if (!failure_.empty()) continue;
      std::string failure;
      try {
        const c10::cuda::CUDAGuard guard(device_);
        drop_ended();
        ncclResult_t result = ncclSuccess;
        ncclCommGetAsyncError(comm_, &result);
        if (result != ncclSuccess && result != ncclInProgress) failure = words_of(result);
        if (!started_.empty() && Clock::now() - started_.front().since > timeout_) {
          failure = fmt::format("its {} has not ended within {} s", started_.front().what,
                                timeout_.count());
        }
      } catch (const std::exception& error) {  // of the GPU itself
        failure = error.what();
        failure = failure.substr(0, failure.find('\n'));
      }
      if (failure.empty()) continue;
      failure_ = failure;
      ncclCommAbort(comm_);  // frees a host that waits for the stream
    }
  }

  Group& host_;
  std::chrono::seconds timeout_;
  c10::DeviceIndex device_;
  c10::cuda::CUDAStream stream_;
  ncclComm_t comm_ = nullptr;

  std::mutex mutex_;  // of what follows, and of calls of the communicator
  std::condition_variable news_;
  bool is_over_ = false;
  std::list<Started> started_;
  double ended_s_ = 0;
  std::string failure_;
  std::optional<std::string> blame_;
  std::thread watchdog_;
};

// Holds what travels until the rows are waited for: its memory is not given to others before.
class NcclPassage final : public Passage {
 public:
  NcclPassage(NcclLinks& links, std::shared_ptr<CUDAEvent> end, std::vector<Transfer> sent,
              std::vector<Transfer> taken)
      : links_(links), end_(std::move(end)), sent_(std::move(sent)), taken_(std::move(taken)) {}

  // Rows that are never waited for give their memory back to the current stream all the same.
  ~NcclPassage() override {
    if (!sent_.empty() || !taken_.empty()) links_.block_current(*end_);
  }

  void wait() override {
    links_.raise_if_failed("all-to-all");
    links_.block_current(*end_);
    sent_.clear();
    taken_.clear();
  }

 private:
  NcclLinks& links_;
  std::shared_ptr<CUDAEvent> end_;
  std::vector<Transfer> sent_, taken_;
};

std::unique_ptr<Passage> NcclLinks::exchange(std::vector<Transfer> sent,
                                             std::vector<Transfer> taken) {
  const auto passed = run("all-to-all", true, [&]() -> ncclResult_t {
    const auto is_well = [](ncclResult_t result) {
      return result == ncclSuccess || result == ncclInProgress;
    };
    ncclResult_t result = ncclGroupStart();
    for (const auto& one : taken) {
      if (!is_well(result)) break;
      result = ncclRecv(one.values.mutable_data_ptr(), one.values.nbytes(), ncclInt8,
                        static_cast<int>(one.member), comm_, stream_.stream());
    }
    for (const auto& one : sent) {
      if (!is_well(result)) break;
      result = ncclSend(one.values.const_data_ptr(), one.values.nbytes(), ncclInt8,
                        static_cast<int>(one.member), comm_, stream_.stream());
    }
    const ncclResult_t end = ncclGroupEnd();
    return is_well(result) ? end : result;
  });
  return std::make_unique<NcclPassage>(*this, passed.end, std::move(sent), std::move(taken));
}

}  // namespace

std::unique_ptr<Links> nccl_links(Group& host, int64_t timeout_s) {
  return std::make_unique<NcclLinks>(host, timeout_s);
}

void prepare_nccl(const Rendezvous& rendezvous, bool shared_gpu) {
  constexpr int kIfUnset = 0;
  // "=" asks for this name, where NCCL would take every name that begins so.
  if (!rendezvous.interface.empty())
    ::setenv("NCCL_SOCKET_IFNAME", ("=" + rendezvous.interface).c_str(), kIfUnset);
  if (shared_gpu)
    ::setenv("NCCL_HOSTID", fmt::format("xp-rank-{}", rendezvous.rank).c_str(), kIfUnset);
}

std::string nccl_version() {
  int version = 0;
  ncclGetVersion(&version);
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace xp
