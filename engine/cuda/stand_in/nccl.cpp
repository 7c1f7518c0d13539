// Communicators of NCCL on the host, for ranks that are threads of one process: a collective waits
// on its stream until all members have come, or its communicator is aborted.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <cuda_runtime_api.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nccl.h>
#include <string>
#include <vector>

namespace xp {
void add_to_stream(cudaStream_t stream, std::function<void()> work);
void fail_communicators();
}  // namespace xp

namespace {

using Bytes = std::vector<char>;

// The members of a communicator, and what they have brought.
struct Members {
  std::mutex mutex;
  std::condition_variable news;
  int size = 0, joined = 0;
  bool has_failed = false;
  std::map<std::pair<int64_t, int>, Bytes> brought;        // by collective and rank
  std::map<std::pair<int, int>, std::vector<Bytes>> sent;  // by sender and receiver
};

std::mutex all_members;
std::map<std::string, std::shared_ptr<Members>>& members() {
  static auto* const all = new std::map<std::string, std::shared_ptr<Members>>();
  return *all;
}

struct Step {
  bool is_send;
  void* buffer;
  size_t bytes;
  int peer;
  ncclComm_t comm;
  cudaStream_t stream;
};
thread_local std::vector<Step> steps;

size_t size_of(ncclDataType_t type) {
  return type == ncclInt8 ? 1 : type == ncclFloat32 || type == ncclInt32 ? 4 : 8;
}

template <class T>
void reduce(Bytes& into, const Bytes& more, ncclRedOp_t operation) {
  auto* const out = reinterpret_cast<T*>(into.data());
  const auto* const in = reinterpret_cast<const T*>(more.data());
  for (size_t i = 0; i < into.size() / sizeof(T); ++i)
    out[i] = operation == ncclSum ? out[i] + in[i] : std::max(out[i], in[i]);
}

}  // namespace

struct ncclComm {
  std::shared_ptr<Members> all;
  int rank = 0;
  int64_t collectives = 0;
  std::shared_ptr<bool> is_aborted = std::make_shared<bool>(false);
};

namespace {

// On the stream: brings `own`, waits for all, and passes what they brought to `done`.
ncclResult_t collective(ncclComm_t comm, cudaStream_t stream, const void* own, size_t bytes,
                        std::function<void(const std::vector<Bytes>&)> done) {
  const int64_t number = comm->collectives++;
  xp::add_to_stream(stream, [=, all = comm->all, rank = comm->rank, aborted = comm->is_aborted] {
    std::unique_lock lock(all->mutex);
    const auto* const from = static_cast<const char*>(own);
    all->brought[{number, rank}] = Bytes(from, from + bytes);
    all->news.notify_all();
    std::vector<Bytes> brought;
    all->news.wait(lock, [&] {
      brought.clear();
      for (int i = 0; i < all->size && all->brought.contains({number, i}); ++i)
        brought.push_back(all->brought.at({number, i}));
      return *aborted || static_cast<int>(brought.size()) == all->size;
    });
    if (!*aborted) done(brought);
  });
  return ncclInProgress;  // as a communicator that does not block may answer
}

}  // namespace

namespace xp {

/// From now on every communicator of this process tells of an error.
void fail_communicators() {
  const std::lock_guard lock(all_members);
  for (const auto& [id, one] : members())
    one->has_failed = true;
}

}  // namespace xp

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = 22809;
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t) {
  return "remote process exited or there was a network error";
}
const char* ncclGetLastError(ncclComm_t) {
  return "socket closed by the peer";
}
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static int number = 0;
  const std::lock_guard lock(all_members);
  std::memset(id, 0, sizeof *id);
  std::memcpy(id->internal, std::to_string(++number).c_str(), 8);
  return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t*) {
  std::shared_ptr<Members> all;
  {
    const std::lock_guard lock(all_members);
    auto& known = members()[std::string(id.internal)];
    if (!known) known = std::make_shared<Members>();
    all = known;
  }
  const std::lock_guard lock(all->mutex);
  all->size = size;
  ++all->joined;
  *comm = new ncclComm();
  (*comm)->all = all;
  (*comm)->rank = rank;
  return ncclInProgress;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* result) {
  const std::lock_guard lock(comm->all->mutex);
  *result = comm->all->has_failed                 ? ncclRemoteError
            : comm->all->joined < comm->all->size ? ncclInProgress
                                                  : ncclSuccess;
  return ncclSuccess;
}
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  const std::lock_guard lock(comm->all->mutex);
  *comm->is_aborted = true;
  comm->all->news.notify_all();
  return ncclSuccess;
}
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  return collective(comm, stream, from, count * size_of(type), [=](const auto& brought) {
    Bytes sum = brought[0];
    for (size_t i = 1; i < brought.size(); ++i) {
      if (type == ncclFloat32)
        reduce<float>(sum, brought[i], operation);
      else
        reduce<int64_t>(sum, brought[i], operation);
    }
    std::memcpy(to, sum.data(), sum.size());
  });
}
ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  return collective(comm, stream, from, count * size_of(type), [=](const auto& brought) {
    std::memcpy(to, brought[static_cast<size_t>(root)].data(), count * size_of(type));
  });
}
ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  return collective(comm, stream, from, count * size_of(type), [=](const auto& brought) {
    for (size_t i = 0; i < brought.size(); ++i)
      std::memcpy(static_cast<char*>(to) + i * brought[i].size(), brought[i].data(),
                  brought[i].size());
  });
}
ncclResult_t ncclGroupStart() {
  steps.clear();
  return ncclSuccess;
}
ncclResult_t ncclSend(const void* buffer, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  steps.push_back({true, const_cast<void*>(buffer), count * size_of(type), peer, comm, stream});
  return ncclSuccess;
}
ncclResult_t ncclRecv(void* buffer, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  steps.push_back({false, buffer, count * size_of(type), peer, comm, stream});
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (steps.empty()) return ncclSuccess;
  const ncclComm_t comm = steps.front().comm;
  xp::add_to_stream(steps.front().stream,
                    [all = comm->all, rank = comm->rank, aborted = comm->is_aborted, todo = steps] {
                      std::unique_lock lock(all->mutex);
                      for (const auto& step : todo) {
                        const auto* const from = static_cast<const char*>(step.buffer);
                        if (step.is_send)
                          all->sent[{rank, step.peer}].emplace_back(from, from + step.bytes);
                      }
                      all->news.notify_all();
                      for (const auto& step : todo) {
                        if (step.is_send) continue;
                        auto& mail = all->sent[{step.peer, rank}];
                        all->news.wait(lock, [&] { return *aborted || !mail.empty(); });
                        if (*aborted) return;
                        std::memcpy(step.buffer, mail.front().data(), step.bytes);
                        mail.erase(mail.begin());
                      }
                    });
  return ncclInProgress;
}

}  // extern "C"
