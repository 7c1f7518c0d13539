// Three global numbers: all that a handler may touch.
#include "engine/cli/terminal/signals.h"

#include <unistd.h>

namespace xp {
namespace {

constexpr int kMany = 3;
volatile std::sig_atomic_t received_signal = 0, num_signals = 0, ends_at_once = 0;

void note(int signal) {
  received_signal = signal;
  num_signals = num_signals + 1;
  if (ends_at_once != 0 && num_signals >= kMany) ::_exit(128 + signal);
}

}  // namespace

SignalWatch::SignalWatch(std::initializer_list<int> signals, Many many) {
  ends_at_once = many == Many::kEndAtOnce ? 1 : 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = note;
  for (const int signal : signals) {
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
    signals_.push_back(signal);
  }
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
