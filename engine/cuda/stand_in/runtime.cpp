// Streams and events of the CUDA runtime on the host, for tests of the code that uses them: a
// stream is a thread that does one thing after the other. A test program that is linked with this
// calls these functions instead of the runtime's, and so do LibTorch's libraries in it.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cuda_runtime_api.h>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  std::mutex mutex;
  std::condition_variable news;
  int64_t recorded = 0, passed = 0;  // numbers of records
  Clock::time_point at;
};

class Stream {
 public:
  Stream() {
    std::thread([this] { run(); }).detach();
  }
  void add(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    news_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    news_.wait(lock, [&] { return work_.empty(); });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      news_.wait(lock, [&] { return !work_.empty(); });
      const auto work = work_.front();
      lock.unlock();
      work();
      lock.lock();
      work_.pop_front();
      news_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::function<void()>> work_;
};

std::mutex all_events;
std::map<cudaEvent_t, std::shared_ptr<Event>>& events() {
  static auto* const all = new std::map<cudaEvent_t, std::shared_ptr<Event>>();
  return *all;
}

std::shared_ptr<Event> event_of(cudaEvent_t handle) {
  const std::lock_guard lock(all_events);
  return events().at(handle);
}

Stream& stream_of(cudaStream_t handle) {
  static auto* const usual = new Stream();
  return handle == nullptr ? *usual : *reinterpret_cast<Stream*>(handle);
}

}  // namespace

namespace xp {

/// Puts work onto a stream.
void add_to_stream(cudaStream_t stream, std::function<void()> work) {
  stream_of(stream).add(std::move(work));
}

}  // namespace xp

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
cudaError_t cudaPeekAtLastError() {
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -3;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  *stream = reinterpret_cast<cudaStream_t>(new Stream());
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  stream_of(stream).wait();
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode*) {
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const std::lock_guard lock(all_events);
  auto made = std::make_shared<Event>();
  *event = reinterpret_cast<cudaEvent_t>(made.get());
  events()[*event] = made;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(all_events);
  events().erase(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream) {
  const auto event = event_of(handle);
  const std::lock_guard lock(event->mutex);
  stream_of(stream).add([event, number = ++event->recorded] {
    const std::lock_guard own(event->mutex);
    event->passed = number;
    event->at = Clock::now();
    event->news.notify_all();
  });
  return cudaSuccess;
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned) {
  const auto event = event_of(handle);
  const std::lock_guard lock(event->mutex);
  stream_of(stream).add([event, number = event->recorded] {
    std::unique_lock own(event->mutex);
    event->news.wait(own, [&] { return event->passed >= number; });
  });
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t handle) {
  const auto event = event_of(handle);
  const std::lock_guard lock(event->mutex);
  return event->passed == event->recorded ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  const auto begin = event_of(from), end = event_of(to);
  *ms = std::chrono::duration<float, std::milli>(end->at - begin->at).count();
  return cudaSuccess;
}

}  // extern "C"
