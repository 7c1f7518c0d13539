// A conversation between `xp` and rank 0 of a job that it started: JSON messages over a socket
// pair, one a line.
//
// Of a translation (`xp-engine translate`):
//   <- {"ready": true}                       once, when the model is loaded
//   -> {"sentences": [{"text": "...", "direction": "en-fr"}], "best": 1}
//   <- {"finished": 17}                      so many of them are translated; now and then
//   <- {"translations": [{"hypotheses": [{"text": "...", "score": -0.4}]}]}
//                                            all, in their order, best first; one that cannot be
//                                            translated has a "problem" instead
#pragma once

#include "engine/base/descriptor.h"
#include "engine/base/value.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace xp {

/// One side of it. For one thread.
class Channel {
 public:
  /// Takes over a connected socket.
  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}
  /// A new one: this side, and the descriptor of the other, for a process to inherit.
  static std::pair<Channel, Descriptor> open();

  /// Waits until the message is on its way. Raises kMachine if the other side is gone.
  void send(const Value& message);
  /// The next message, waiting for it so long at most; nothing if none came, or none will come.
  /// Raises kMachine if it is no JSON.
  std::optional<Value> receive(std::chrono::milliseconds patience);
  /// The other side is gone, and all it sent has been received.
  bool has_ended() const { return has_ended_; }
  /// Becomes readable when `receive` has something to do.
  int handle() const { return socket_.get(); }

 private:
  std::optional<Value> next_message();

  Descriptor socket_;
  std::string received_;
  size_t begin_ = 0;  ///< of what `next_message` has not returned
  bool has_ended_ = false;
};

}  // namespace xp
