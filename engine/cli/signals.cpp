// Two global numbers: all that a handler may touch.
#include "engine/cli/signals.h"

#include <unistd.h>

namespace xp {
namespace {

constexpr int kMost = 3;
volatile std::sig_atomic_t received_signal = 0, num_signals = 0;

void note(int signal) {
  received_signal = signal;
  num_signals = num_signals + 1;
  if (num_signals >= kMost) ::_exit(128 + signal);
}

}  // namespace

SignalWatch::SignalWatch(std::initializer_list<int> signals) : signals_(signals) {
  struct sigaction action {};
  action.sa_handler = note;
  for (const int signal : signals_)
    ::sigaction(signal, &action, nullptr);
}

SignalWatch::~SignalWatch() {
  for (const int signal : signals_)
    std::signal(signal, SIG_DFL);
}

int SignalWatch::count() {
  return num_signals;
}

int SignalWatch::received() {
  return received_signal;
}

}  // namespace xp
