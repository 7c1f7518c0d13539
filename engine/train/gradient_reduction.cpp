// One thread sums one chunk after the other, all ranks in one order. So of the ranks that end early
// one never waits for another rank's sum: no two ranks wait for each other's end.
#include "engine/train/gradient_reduction.h"

#include "engine/base/error.h"
#include "engine/comm/all_to_all.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>

namespace xp {
namespace {

constexpr int64_t kChannel = 1;  // the exchange uses 0

c10::Stream current_stream(const c10::Device& device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

// What this thread has given to its stream of the device so far; null on the CPU.
std::shared_ptr<c10::Event> event_here(const c10::Device& device) {
  if (device.is_cpu()) return nullptr;
  auto out = std::make_shared<c10::Event>(device.type());
  out->record(current_stream(device));
  return out;
}

}  // namespace

GradientReduction::GradientReduction(FlatBuffer& shared, const Groups& groups, Wire wire,
                                     int64_t chunk_values)
    : shared_(shared),
      world_(*groups.world),
      sum_(groups, kChannel),
      wire_(wire),
      chunk_values_(chunk_values) {
  if (world_.size() == 1) return;
  cut();
  *shared_.listener = [this](size_t parameter) { gradient_is_there(parameter); };
  thread_ = std::thread([this] { work(); });
}

GradientReduction::~GradientReduction() {
  if (!thread_.joinable()) return;
  *shared_.listener = {};
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void GradientReduction::cut() {
  const int64_t size = shared_.size();
  for (int64_t begin = 0; begin < size; begin += chunk_values_)
    chunks_.push_back({begin, std::min(begin + chunk_values_, size)});
  int64_t at = 0;
  for (const auto& parameter : shared_.parameters) {
    const int64_t end = at + parameter.tensor.numel();
    const auto first = static_cast<size_t>(at / chunk_values_);
    const auto last = static_cast<size_t>(std::max(at, end - 1) / chunk_values_);
    chunks_of_.emplace_back(first, last);
    for (size_t chunk = first; chunk <= last && end > at; ++chunk)
      ++chunks_[chunk].num_parameters;
    at = end;
  }
}

void GradientReduction::begin() {
  if (!thread_.joinable() || !world_.overlaps()) return;
  for (auto& chunk : chunks_)
    chunk.num_missing = chunk.num_parameters;
  is_there_.assign(shared_.parameters.size(), false);
  finished_.clear();
  is_under_way_ = true;
}

void GradientReduction::gradient_is_there(size_t parameter) {
  if (!is_under_way_) return;
  check(!is_there_[parameter], "the last backward pass of an update is one");
  is_there_[parameter] = true;
  if (shared_.parameters[parameter].tensor.numel() == 0) return;
  const auto [first, last] = chunks_of_[parameter];
  for (size_t chunk = first; chunk <= last; ++chunk)
    if (--chunks_[chunk].num_missing == 0) finished_.push_back(chunk);
  start_ready();
}

void GradientReduction::start_ready() {
  for (; num_started_ < order_.size(); ++num_started_) {
    const Chunk& next = chunks_[order_[num_started_]];
    if (is_under_way_ && next.num_missing > 0) return;
    push(next.begin, next.end, wire_);
  }
}

// What rank 0 finished, in its order; then the rest, from the end.
void GradientReduction::agree_on_order() {
  auto order = torch::full({static_cast<int64_t>(chunks_.size())}, -1, torch::kLong);
  auto* const first = order.data_ptr<int64_t>();
  std::copy(finished_.begin(), finished_.end(), first);
  world_.broadcast(order, /*from=*/0);
  std::vector<bool> is_in(chunks_.size(), false);
  for (int64_t i = 0; i < order.numel() && first[i] >= 0; ++i) {
    order_.push_back(static_cast<size_t>(first[i]));
    is_in[order_.back()] = true;
  }
  for (size_t chunk = chunks_.size(); chunk-- > 0;)
    if (!is_in[chunk]) order_.push_back(chunk);
}

void GradientReduction::finish() {
  if (!thread_.joinable()) return;
  const double start_s = steady_s();
  if (order_.empty()) agree_on_order();
  is_under_way_ = false;
  start_ready();
  push(shared_.size(), shared_.gradients.numel(), Wire::kExact);
  wait();
  num_started_ = 0;
  exposed_s_ = steady_s() - start_s;
}

int64_t GradientReduction::inter_node_bytes() const {
  const Topology& topology = world_.topology();
  return inter_node_bytes_of_sum(topology, shared_.size(), wire_) +
         inter_node_bytes_of_sum(topology, shared_.tail().numel(), Wire::kExact);
}

void GradientReduction::push(int64_t begin, int64_t end, Wire wire) {
  auto ready = event_here(shared_.gradients.device());
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({begin, end, wire, std::move(ready)});
  }
  changed_.notify_all();
}

void GradientReduction::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || (waiting_.empty() && !is_summing_); });
  if (failure_) std::rethrow_exception(failure_);
  if (summed_) summed_->block(current_stream(shared_.gradients.device()));
}

void GradientReduction::work() {
  const auto device = shared_.gradients.device();
  if (device.is_cpu()) return sum(device);
  // A stream of its own, so that sums run beside the backward pass.
  const c10::impl::VirtualGuardImpl guard(device.type());
  const c10::StreamGuard on_stream(guard.getStreamFromGlobalPool(device));
  sum(device);
}

void GradientReduction::sum(const c10::Device& device) {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
    if (ends_) return;
    const Range range = waiting_.front();
    waiting_.pop_front();
    is_summing_ = true;
    lock.unlock();
    std::exception_ptr failure;
    std::shared_ptr<c10::Event> summed;
    try {
      if (range.ready) range.ready->block(current_stream(device));
      sum_.add_up(shared_.gradients.slice(0, range.begin, range.end), range.wire);
      summed = event_here(device);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    summed_ = std::move(summed);
    is_summing_ = false;
    failure_ = failure;
    lock.unlock();
    changed_.notify_all();
    if (failure) return;
  }
}

}  // namespace xp
