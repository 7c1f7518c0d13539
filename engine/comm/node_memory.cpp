// The memory of a member is a file without a name, of which only what was written takes room. Both
// ends of a message wait on its slot, as a futex between processes.
#include "engine/comm/node_memory.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/secret.h"
#include "engine/comm/all_to_all.h"
#include "engine/comm/sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace xp {
namespace {

constexpr int64_t kBytes = int64_t{1} << 34;  // of each member's memory: addresses, not memory
constexpr int64_t kSlots = 64;                // unread messages from a member to another
constexpr int64_t kAlignment = 64;
constexpr const char* kFileName = "xp";

int64_t aligned(int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool is_limited(int resource) {
  rlimit limit{};
  return ::getrlimit(resource, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

// Where memory may be refused only when it is written, by a signal.
bool is_promised_strictly() {
  return read_if_there("/proc/sys/vm/overcommit_memory").value_or("").starts_with('2');
}

// Lets the other end, in whatever process, look at it.
void set(std::atomic<uint32_t>& is_full, bool value) {
  is_full.store(value ? 1 : 0, std::memory_order_release);
  ::syscall(SYS_futex, &is_full, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace

struct NodeMemory::Head {
  int64_t nonce;
  std::atomic<uint32_t> is_closed;
};

// Written by the sender, but for `is_full`, which the receiver sets back.
struct NodeMemory::Slot {
  std::atomic<uint32_t> is_full;
  int64_t number, place, bytes;
  double sent_s;
};

// A member's memory in the addresses of this process.
class NodeMemory::Map {
 public:
  Map() = default;
  explicit Map(int file)
      : begin_(
            ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0)) {
    if (*this) ::madvise(begin_, kBytes, MADV_DONTDUMP);  // a core file would be as large
  }
  Map(Map&& other) noexcept : begin_(std::exchange(other.begin_, MAP_FAILED)) {}
  Map& operator=(Map&& other) noexcept {
    std::swap(begin_, other.begin_);
    return *this;
  }
  ~Map() {
    if (*this) ::munmap(begin_, kBytes);
  }
  explicit operator bool() const { return begin_ != MAP_FAILED; }

  Head& head() const { return *static_cast<Head*>(begin_); }
  Slot* slots() const { return reinterpret_cast<Slot*>(at(aligned(sizeof(Head)))); }
  char* at(int64_t place) const { return static_cast<char*>(begin_) + place; }
  static int64_t first_place(int64_t members) {
    return aligned(aligned(sizeof(Head)) + members * kSlots * static_cast<int64_t>(sizeof(Slot)));
  }

 private:
  static_assert(std::atomic<uint32_t>::is_always_lock_free, "processes share them");
  void* begin_ = MAP_FAILED;
};

struct NodeMemory::Member {
  Map map;
  Descriptor process;
  int64_t sent = 0, expected = 0;  // messages to and from it
};

// In this rank's memory, until its slot is free again.
struct NodeMemory::Message {
  int64_t place, end;
  const Slot* slot;
};

NodeMemory::NodeMemory(const Group& group, int64_t timeout_s)
    : rank_(group.rank()), timeout_s_(timeout_s), members_(static_cast<size_t>(group.size())) {}

std::shared_ptr<NodeMemory> NodeMemory::meet(Group& group, int64_t timeout_s) {
  const std::shared_ptr<NodeMemory> out(new NodeMemory(group, timeout_s));
  const auto told = group.all_gather(torch::tensor(out->make_own(), torch::kLong));
  auto has_failed = torch::tensor({out->open_others(told) ? 0 : 1}, torch::kLong);
  group.all_reduce_max(has_failed);
  out->own_ = Descriptor();
  return has_failed.item<int64_t>() == 0 ? out : nullptr;
}

NodeMemory::~NodeMemory() {
  close();
}

// How others open it: process, descriptor and what the memory begins with. No descriptor: none.
std::vector<int64_t> NodeMemory::make_own() {
  Map& map = members_[static_cast<size_t>(rank_)].map;
  int64_t nonce = 0;
  if (!is_limited(RLIMIT_FSIZE) && !is_limited(RLIMIT_AS) && !is_promised_strictly()) {
    own_ = Descriptor(::memfd_create(kFileName, MFD_CLOEXEC));
    if (own_.get() >= 0 && ::ftruncate(own_.get(), kBytes) == 0) map = Map(own_.get());
  }
  if (map) {
    std::memcpy(&nonce, random_bytes(sizeof nonce).data(), sizeof nonce);
    map.head().nonce = nonce;
  }
  return {::getpid(), map ? own_.get() : -1, nonce};
}

bool NodeMemory::open_others(const torch::Tensor& told) {
  for (size_t member = 0; member < members_.size(); ++member) {
    const auto* const words = told[static_cast<int64_t>(member)].const_data_ptr<int64_t>();
    const auto process = static_cast<pid_t>(words[0]);
    if (words[1] < 0) return false;
    if (static_cast<int64_t>(member) == rank_) continue;
    const auto path = fmt::format("/proc/{}/fd/{}", process, words[1]);
    // A process of another machine may have the same number, and another file there.
    std::error_code none;
    if (fs::read_symlink(path, none) != fmt::format("/memfd:{} (deleted)", kFileName)) return false;
    const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (file.get() < 0) return false;
    Member& other = members_[member];
    if (::lseek(file.get(), 0, SEEK_END) != kBytes) return false;
    other.map = Map(file.get());
    if (!other.map || other.map.head().nonce != words[2]) return false;
    other.process = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    if (other.process.get() < 0) return false;
  }
  return true;
}

NodeMemory::Slot& NodeMemory::slot_of(int64_t sender, int64_t receiver, int64_t number) {
  return members_[static_cast<size_t>(sender)].map.slots()[receiver * kSlots + number % kSlots];
}

void NodeMemory::wait_until(const Slot& slot, bool is_full, int64_t member) {
  const Member &other = members_[static_cast<size_t>(member)],
               &own = members_[static_cast<size_t>(rank_)];
  const auto deadline = Clock::now() + std::chrono::seconds(timeout_s_);
  constexpr timespec kSlice{0, 50'000'000};  // until the other end is looked at again
  for (bool is_gone = false;;) {
    const uint32_t now = slot.is_full.load(std::memory_order_acquire);
    if ((now != 0) == is_full) return;
    if (is_gone) machine_error("the other end is closed");
    // What it sent before its end counts: the slot is looked at once more.
    is_gone = other.map.head().is_closed.load() != 0 || own.map.head().is_closed.load() != 0 ||
              wait_for(other.process.get(), POLLIN, Clock::time_point());
    if (is_gone) continue;
    if (Clock::now() > deadline) machine_error("no answer within {} s", timeout_s_);
    ::syscall(SYS_futex, &slot.is_full, FUTEX_WAIT, now, &kSlice, nullptr, 0);
  }
}

// The first gap between unread messages: what is used again is still in the cache.
int64_t NodeMemory::place_for(int64_t bytes) {
  std::erase_if(unread_, [](const Message& one) {
    return one.slot->is_full.load(std::memory_order_acquire) == 0;
  });
  int64_t place = Map::first_place(static_cast<int64_t>(members_.size()));
  for (const auto& one : unread_) {
    if (one.place - place >= bytes) break;
    place = one.end;
  }
  check(bytes <= kBytes - place, "messages fit into the memory of a member");
  return place;
}

void NodeMemory::send(int64_t member, const void* values, int64_t bytes) {
  Member& other = members_[static_cast<size_t>(member)];
  const int64_t number = other.sent++;
  Slot& slot = slot_of(rank_, member, number);
  wait_until(slot, false, member);
  const int64_t place = place_for(bytes);
  std::memcpy(members_[static_cast<size_t>(rank_)].map.at(place), values,
              static_cast<size_t>(bytes));
  slot.number = number;
  slot.place = place;
  slot.bytes = bytes;
  slot.sent_s = steady_s();
  set(slot.is_full, true);
  const Message message{place, place + aligned(bytes), &slot};
  unread_.insert(std::upper_bound(unread_.begin(), unread_.end(), message,
                                  [](const auto& a, const auto& b) { return a.place < b.place; }),
                 message);
}

int64_t NodeMemory::expect(int64_t member) {
  return members_[static_cast<size_t>(member)].expected++;
}

double NodeMemory::receive(int64_t member, int64_t number, void* values, int64_t bytes) {
  Slot& slot = slot_of(member, rank_, number);
  wait_until(slot, true, member);
  check(slot.number == number, "no more messages are expected than there are slots");
  if (slot.bytes != bytes)
    machine_error("a message of {} bytes came where {} were expected", slot.bytes, bytes);
  std::memcpy(values, members_[static_cast<size_t>(member)].map.at(slot.place),
              static_cast<size_t>(bytes));
  const double sent_s = slot.sent_s;
  set(slot.is_full, false);
  return sent_s;
}

void NodeMemory::close() {
  const Map& map = members_[static_cast<size_t>(rank_)].map;
  if (map) map.head().is_closed.store(1);
}

}  // namespace xp
