// Messages between ranks of one machine through memory that they map, where sockets would copy them
// through the kernel.
//
// Each member of a group has memory that all map: for every other member a ring of slots, and room
// for what is sent. A message is copied into the sender's room and from there to the receiver. A
// slot says where it lies, and is free again when it has been read.
#pragma once

#include "engine/base/descriptor.h"
#include "engine/comm/group.h"

#include <memory>
#include <vector>

namespace xp {

/// This rank's end. Not for several threads at once, but for `close`. What raises, raises kMachine:
/// if the other member's process ended or closed its end, or after the timeout of `meet`.
class NodeMemory {
 public:
  /// Null on all members if one of them cannot map the memory of another: it is on another machine,
  /// or /proc/PID/fd or the size of files is restricted. Collective over `group`.
  static std::shared_ptr<NodeMemory> meet(Group& group, int64_t timeout_s);
  ~NodeMemory();
  NodeMemory(const NodeMemory&) = delete;
  NodeMemory& operator=(const NodeMemory&) = delete;

  /// Copies a message for `member`, and returns at once unless 64 of them wait to be read.
  void send(int64_t member, const void* values, int64_t bytes);

  /// The number of the member's next message, in the order of these calls.
  int64_t expect(int64_t member);
  /// Waits for that message, which has `bytes`, and copies it. Returns the time at which it was
  /// sent, as steady_s() has it. Messages may be received in another order than that of their
  /// numbers.
  double receive(int64_t member, int64_t number, void* values, int64_t bytes);

  /// Tells members that wait for this one that nothing comes any more. For any thread.
  void close();

 private:
  struct Head;
  struct Slot;
  class Map;
  struct Member;
  struct Message;

  NodeMemory(const Group& group, int64_t timeout_s);
  std::vector<int64_t> make_own();
  bool open_others(const torch::Tensor& told);
  void wait_until(const Slot& slot, bool is_full, int64_t member);
  int64_t place_for(int64_t bytes);
  Slot& slot_of(int64_t sender, int64_t receiver, int64_t number);

  int64_t rank_, timeout_s_;
  Descriptor own_;  // until the others have mapped it
  std::vector<Member> members_;
  std::vector<Message> unread_;  // of this rank, by place
};

}  // namespace xp
