// Two pieces of work that take turns on one thread: while one waits for what is under way, the
// other computes. Strictly in turn, so that the order of all steps is the same each time and, if
// the works do the same steps, on every rank.
#pragma once

#include <cstddef>
#include <functional>

namespace xp {

/// Runs `first` until it gives its turn away, then `second` until it does, and so on until both
/// have ended. `swap` is called at each change: it keeps what the thread's state is to the work
/// that leaves, and puts back that of the work that continues; at the first change, that `second`
/// begins with; it must not throw. Raises what the work that fails first raises; the other ends at
/// its next `give_turn`, unwound. Works must not catch what they do not know. Not to be nested.
/// Cost: a stack of 8 MiB, of which pages that are used count; two system calls a change.
void take_turns(const std::function<void()>& first, const std::function<void()>& second,
                const std::function<void()>& swap);

/// Inside one of two works: lets the other one go on until it gives the turn back or ends. Returns
/// the seconds that this took. Elsewhere, or if the other one has ended: nothing, at once.
double give_turn();

/// Whether this thread is inside `take_turns` and whose turn it is: 0 outside and in `first`, 1 in
/// `second`.
bool is_taking_turns();
size_t own_turn();

}  // namespace xp
