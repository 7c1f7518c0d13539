// Streams and events of the stand-in: what happened before what, by vector clocks.
//
// Work runs when it is given to a stream, so that results are those of the CPU; the clocks tell
// whether it could have run in another order on a real device.
#pragma once

#include <torch/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace xp::stand_in {

/// A stream: device and id; 0 is a device's default stream.
using StreamKey = std::pair<int64_t, int64_t>;
/// How far the work of each stream has come.
using VectorClock = std::map<StreamKey, int64_t>;

/// Bytes [begin, end) of a storage.
struct ByteRange {
  int64_t begin = 0, end = 0;
  bool overlaps(const ByteRange& o) const { return begin < o.end && o.begin < end; }
  bool contains(const ByteRange& o) const { return begin <= o.begin && o.end <= end; }
};

/// Which work used a storage.
struct History {
  struct Use {
    ByteRange bytes;
    bool writes;
    StreamKey stream;
    int64_t time;
  };
  StreamKey owner;               ///< the stream that it was allocated on
  std::vector<Use> uses;         ///< but those that a later one stands for
  std::set<StreamKey> recorded;  ///< whose work it outlives, as the allocator was told
};

struct StreamEvent {
  VectorClock clock;
  std::chrono::steady_clock::time_point recorded;
};

/// Held by whoever calls what follows, and around accesses to histories.
std::recursive_mutex& mutex();

StreamKey current_stream();

/// Starts a piece of work on the current stream; returns its time.
int64_t begin_work();
/// Notes that the work of that time uses bytes of a storage. Raises kBug if it is not ordered
/// behind earlier work on them; `what` names the work.
void note_use(History& history, const ByteRange& bytes, bool writes, int64_t time,
              const std::string& what);
/// Notes that a storage is freed. Work of other streams that its owner is not ordered behind is an
/// error, which the next note_use raises: a destructor cannot.
void note_free(const History& history);

/// Copies `values`, in the host's memory, to `destination` when the host waits for the current
/// stream; until then it holds NaN or -1.
void deliver_later(const torch::Tensor& values, torch::Tensor destination);

void record(StreamEvent& event, const StreamKey& stream);
void make_wait(const StreamKey& stream, const StreamEvent& event);
// The host waits.
void wait_for_stream(const StreamKey& stream);
void wait_for_event(const StreamEvent& event);
void wait_for_device(int64_t device);

/// Counts a wait of the host, unless UncountedReads says not to.
void count_host_read(const std::string& operation);
/// By name since the last time; and all so far.
std::map<std::string, int64_t> take_counts();
int64_t num_counted();

}  // namespace xp::stand_in
