// One global number: all that a handler may touch.
#include "engine/cli/signals.h"

#include <csignal>
#include <initializer_list>

namespace xp {
namespace {

volatile std::sig_atomic_t received_signal = 0;

void note(int signal) {
  received_signal = signal;
}

}  // namespace

SignalWatch::SignalWatch() {
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM})
    ::sigaction(signal, &action, nullptr);
}

SignalWatch::~SignalWatch() {
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, SIG_DFL);
}

int SignalWatch::received() {
  return received_signal;
}

}  // namespace xp
