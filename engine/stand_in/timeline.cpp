// Vector clocks, copies that have not arrived, and counts of the host's waits.
#include "engine/stand_in/timeline.h"

#include "engine/base/error.h"
#include "engine/device/accelerator.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <cmath>
#include <limits>

namespace xp::stand_in {
namespace {

struct Delivery {
  StreamKey stream;
  int64_t time;
  torch::Tensor values, destination;
};

std::map<StreamKey, VectorClock> clocks;
VectorClock
    host;  // what the host has waited for: everything that is given to a stream comes after it
std::vector<Delivery> deliveries;
std::string fault;  // found where nothing can be raised
std::map<std::string, int64_t> host_reads;
int64_t num_host_reads = 0;

void merge(VectorClock& into, const VectorClock& from) {
  for (const auto& [stream, time] : from)
    into[stream] = std::max(into[stream], time);
}

int64_t time_of(const VectorClock& clock, const StreamKey& stream) {
  const auto found = clock.find(stream);
  return found == clock.end() ? 0 : found->second;
}

bool is_behind(const StreamKey& stream, const std::pair<StreamKey, int64_t>& work) {
  return work.first == stream || time_of(clocks[stream], work.first) >= work.second ||
         time_of(host, work.first) >= work.second;
}

std::string name_of(const StreamKey& stream) {
  return fmt::format("stream {} of device {}", stream.second, stream.first);
}

void deliver(const VectorClock& until) {
  std::vector<Delivery> left;
  for (auto& one : deliveries) {
    if (time_of(until, one.stream) >= one.time)
      one.destination.copy_(one.values);
    else
      left.push_back(std::move(one));
  }
  deliveries = std::move(left);
}

void wait_for(const VectorClock& clock) {
  merge(host, clock);
  deliver(host);
}

}  // namespace

std::recursive_mutex& mutex() {
  static std::recursive_mutex only;
  return only;
}

StreamKey current_stream() {
  const auto* guard = c10::impl::getDeviceGuardImpl(torch::kPrivateUse1);
  const auto stream = guard->getStream(guard->getDevice());
  return {stream.device_index(), stream.id()};
}

int64_t begin_work() {
  const StreamKey stream = current_stream();
  VectorClock& clock = clocks[stream];
  merge(clock, host);
  return ++clock[stream];
}

void note_use(History& history, const ByteRange& bytes, bool writes, int64_t time,
              const std::string& what) {
  if (!fault.empty()) throw Error(Blame::kBug, std::exchange(fault, ""));
  const StreamKey stream = current_stream();
  for (const auto& use : history.uses) {
    if (!use.bytes.overlaps(bytes) || (!writes && !use.writes)) continue;
    if (is_behind(stream, {use.stream, use.time})) continue;
    throw Error(Blame::kBug, fmt::format("missing synchronisation: {} on {} does not wait for {}, "
                                         "which {} the same memory",
                                         what, name_of(stream), name_of(use.stream),
                                         use.writes ? "wrote" : "read"));
  }
  // Whoever waits for this work waits for what it waited for.
  std::erase_if(history.uses, [&](const History::Use& use) {
    return bytes.contains(use.bytes) && (writes || (use.stream == stream && !use.writes));
  });
  history.uses.push_back({bytes, writes, stream, time});
}

void note_free(const History& history) {
  for (const auto& use : history.uses) {
    if (is_behind(history.owner, {use.stream, use.time}) || history.recorded.contains(use.stream))
      continue;
    fault = fmt::format(
        "missing synchronisation: memory of {} is freed while {} may use it; record the stream, or "
        "wait for it",
        name_of(history.owner), name_of(use.stream));
  }
}

void deliver_later(const torch::Tensor& values, torch::Tensor destination) {
  if (destination.is_floating_point())
    destination.fill_(std::numeric_limits<double>::quiet_NaN());
  else
    destination.fill_(-1);
  const StreamKey stream = current_stream();
  deliveries.push_back({stream, clocks[stream][stream], values, std::move(destination)});
}

void record(StreamEvent& event, const StreamKey& stream) {
  event = {clocks[stream], std::chrono::steady_clock::now()};
}

void make_wait(const StreamKey& stream, const StreamEvent& event) {
  merge(clocks[stream], event.clock);
}

void wait_for_stream(const StreamKey& stream) {
  wait_for(clocks[stream]);
}

void wait_for_event(const StreamEvent& event) {
  wait_for(event.clock);
}

void wait_for_device(int64_t device) {
  for (const auto& [stream, clock] : std::map<StreamKey, VectorClock>(clocks))
    if (stream.first == device) wait_for(clock);
}

void count_host_read(const std::string& operation) {
  if (UncountedReads::is_active()) return;
  ++host_reads[operation];
  ++num_host_reads;
}

std::map<std::string, int64_t> take_counts() {
  return std::exchange(host_reads, {});
}

int64_t num_counted() {
  return num_host_reads;
}

}  // namespace xp::stand_in
