// Each thread does one action after the other, all ranks in one order, and ends when all that this
// rank has begun is done, or the rank gives up. So ranks that leave early wait for no more than
// what all of them began, or for one that has ended: no two wait for each other's end.
#include "engine/train/gradient_reduction.h"

#include "engine/base/error.h"
#include "engine/comm/all_to_all.h"
#include "engine/nn/row_loss.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

namespace xp {
namespace {

constexpr int64_t kChannel = 1;  // and the next; the exchange uses 0

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
  if (world_.size() == 1) {
    chunks_.push_back({0, shared_.size()});
    return;
  }
  cut();
  squares_.resize(chunks_.size());
  device_squares_.resize(chunks_.size());
  *shared_.listener = [this](size_t parameter) { gradient_is_there(parameter); };
  for (Lane* lane : {&in_node_, &between_})
    lane->thread = std::thread([this, lane] { run(*lane); });
}

GradientReduction::~GradientReduction() {
  if (is_alone()) return;
  *shared_.listener = {};
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (std::uncaught_exceptions() > num_exceptions_) world_.give_up();
  for (Lane* lane : {&in_node_, &between_})
    lane->thread.join();
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
  if (is_alone() || !world_.overlaps()) return;
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
    push(Work::kScatter, order_[num_started_]);
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
  if (is_alone()) return;
  const double start_s = steady_s();
  if (order_.empty()) agree_on_order();
  is_under_way_ = false;
  start_ready();
  push(Work::kTail, 0);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return failure_ || num_open_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
    block_on_lanes();
  }
  num_started_ = 0;
  exposed_s_ += steady_s() - start_s;
}

torch::Tensor GradientReduction::square_sum() const {
  if (is_alone()) return shared_.square_sum();
  return shared_.tail()[-1].to(torch::kDouble);
}

void GradientReduction::gather() {
  if (is_alone()) return;
  {
    const std::lock_guard lock(mutex_);
    num_gathered_ = 0;
  }
  for (size_t chunk = 0; chunk < chunks_.size(); ++chunk)
    push(Work::kGather, chunk);
}

void GradientReduction::await(size_t chunk) {
  if (is_alone()) return;
  const double start_s = steady_s();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || num_gathered_ > chunk; });
  if (failure_) std::rethrow_exception(failure_);
  block_on_lanes();
  exposed_s_ += steady_s() - start_s;
}

LinkBytes GradientReduction::take_bytes() {
  const LinkBytes before = std::exchange(taken_bytes_, sum_.bytes());
  return taken_bytes_ - before;
}

void GradientReduction::block_on_lanes() {
  for (const Lane* lane : {&in_node_, &between_})
    if (lane->done) lane->done->block(current_stream(shared_.gradients.device()));
}

std::span<const GradientReduction::Action> GradientReduction::actions(Work work) {
  static constexpr Action kOfScatter[] = {Action::kScatterInNode, Action::kScatterBetween};
  // Behind all chunks in the one thread and then in the other, where their squares are known then.
  static constexpr Action kOfTail[] = {Action::kLineUp, Action::kStoreSquares,
                                       Action::kScatterInNode, Action::kSumBetween,
                                       Action::kGatherInNode};
  static constexpr Action kOfGather[] = {Action::kGatherBetween, Action::kGatherInNode};
  if (work == Work::kScatter) return kOfScatter;
  return work == Work::kTail ? std::span<const Action>(kOfTail) : kOfGather;
}

void GradientReduction::push(Work work, size_t chunk) {
  {
    const std::lock_guard lock(mutex_);
    ++num_open_;
  }
  pass_on({work, chunk, 0, event_here(shared_.gradients.device())});
}

// To the thread of its next action, or to whoever waits for its end.
void GradientReduction::pass_on(Job job) {
  {
    const std::lock_guard lock(mutex_);
    const auto all = actions(job.work);
    if (job.next < all.size()) {
      lane_of(all[job.next]).waiting.push_back(std::move(job));
    } else {
      --num_open_;
      if (job.work == Work::kGather) ++num_gathered_;
    }
  }
  changed_.notify_all();
}

torch::Tensor GradientReduction::values(const Job& job) const {
  if (job.work == Work::kTail) return shared_.tail();
  return shared_.gradients.slice(0, chunks_[job.chunk].begin, chunks_[job.chunk].end);
}

void GradientReduction::run(Lane& lane) {
  const torch::NoGradGuard no_grad;
  const auto device = shared_.gradients.device();
  if (device.is_cpu()) return run_on(device, lane);
  // A stream of its own, so that sums run beside the model's work.
  const c10::impl::VirtualGuardImpl guard(device.type());
  const c10::StreamGuard on_stream(guard.getStreamFromGlobalPool(device));
  run_on(device, lane);
}

void GradientReduction::run_on(const c10::Device& device, Lane& lane) {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return failure_ || !lane.waiting.empty() || (ends_ && num_open_ == 0); });
    if (failure_ || lane.waiting.empty()) return;
    Job job = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    lock.unlock();
    try {
      if (job.ready) job.ready->block(current_stream(device));
      act(actions(job.work)[job.next], job);
      job.ready = event_here(device);
      ++job.next;
    } catch (...) {
      lock.lock();
      failure_ = std::current_exception();
      lock.unlock();
      changed_.notify_all();
      return;
    }
    lock.lock();
    lane.done = job.ready;
    lock.unlock();
    pass_on(std::move(job));
  }
}

void GradientReduction::act(Action action, const Job& job) {
  const Wire wire = job.work == Work::kTail ? Wire::kExact : wire_;
  if (action == Action::kScatterBetween || action == Action::kGatherBetween) let_rows_pass();
  switch (action) {
    case Action::kLineUp:
      return;
    case Action::kScatterInNode:
      return sum_.scatter_in_node(values(job));
    case Action::kScatterBetween:
      sum_.scatter_between_nodes(values(job), wire);
      return add_squares(job);
    case Action::kStoreSquares:
      return store_squares();
    case Action::kSumBetween:
      sum_.scatter_between_nodes(values(job), wire);
      return sum_.gather_between_nodes(values(job), wire);
    case Action::kGatherBetween:
      return sum_.gather_between_nodes(values(job), wire);
    case Action::kGatherInNode:
      return sum_.gather_in_node(values(job));
  }
}

// Rows are waited for, sums rarely. Not for long: a rank whose rows are late may wait for sums.
void GradientReduction::let_rows_pass() const {
  constexpr auto kPatience = std::chrono::milliseconds(10), kLook = std::chrono::milliseconds(1);
  for (auto waited = kLook; waited < kPatience && world_.has_rows_between_nodes(); waited += kLook)
    std::this_thread::sleep_for(kLook);
}

void GradientReduction::add_squares(const Job& job) {
  const auto own = sum_.own_part(values(job));
  if (!own.is_cpu()) {
    device_squares_[job.chunk] = own.square().sum().to(torch::kDouble);
    return;
  }
  squares_[job.chunk] =
      sum_of_squares({own.const_data_ptr<float>(), static_cast<size_t>(own.numel())});
}

// By chunk, not in the order in which they were added up: with and without overlap that differs.
void GradientReduction::store_squares() {
  auto place = shared_.tail()[-1];
  if (place.is_cpu()) {
    // A copy, which makes infinity of what no float can hold.
    const double sum = std::accumulate(squares_.begin(), squares_.end(), 0.0);
    place.copy_(torch::full({}, sum, torch::kDouble));
  } else {
    place.copy_(torch::stack(device_squares_).sum());
  }
}

}  // namespace xp
