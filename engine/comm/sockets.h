// TCP connections of the run's store: addresses, deadlines, frames.
#pragma once

#include "engine/base/descriptor.h"
#include "engine/comm/group.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xp {

using Clock = std::chrono::steady_clock;

/// Non-blocking sockets that listen on the addresses by which other ranks reach this one: those of
/// `rendezvous.host` and of its interface; on loopback only if the host is loopback. Raises
/// kMachine.
std::vector<Descriptor> listening_sockets(const Rendezvous& rendezvous);

/// A non-blocking connection to `rendezvous.host`, or what kept it from being made.
struct ConnectionAttempt {
  std::optional<Descriptor> connection;
  std::string reason;
};
ConnectionAttempt connect_once(const Rendezvous& rendezvous, Clock::time_point deadline);

/// Small messages leave at once; the peer's host is asked for a sign of life while nothing comes,
/// so that a connection to a host that lost its power ends within `timeout_s`.
void set_options(int fd, int64_t timeout_s);

/// Waits until `fd` has `events` (poll.h); false if the deadline passes.
bool wait_for(int fd, short events, Clock::time_point deadline);

/// A frame: the length in 4 bytes, then the text.
std::string framed(std::string_view text);
/// Takes the first whole frame from the front of `bytes`. Raises kMachine if it says to be longer
/// than `max_length`.
std::optional<std::string> take_frame(std::string& bytes, size_t max_length);

/// A number in the 8 bytes of this machine's order.
std::string packed(int64_t number);
/// Takes a number from the front of `bytes`. Raises kMachine if there is none.
int64_t take_number(std::string_view& bytes);

}  // namespace xp
