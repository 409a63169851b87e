#include "train/stop_signal.h"

#include <ctime>

#include "train/loop.h"

namespace timbre::train {
namespace {

volatile std::sig_atomic_t stop_wanted = 0;
timespec first_at{};

/// Calls nothing that a signal's handler may not.
void want_stop(int signal) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (stop_wanted == 0) {
    first_at = now;
    stop_wanted = signal;
    return;
  }
  const double since_s =
      static_cast<double>(now.tv_sec - first_at.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec - first_at.tv_nsec);
  if (since_s < 1.0) return;
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

SignalScope::SignalScope() {
  struct sigaction action {};
  action.sa_handler = want_stop;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, &old_term_);
  ::sigaction(SIGINT, &action, &old_int_);
}

SignalScope::~SignalScope() {
  ::sigaction(SIGTERM, &old_term_, nullptr);
  ::sigaction(SIGINT, &old_int_, nullptr);
}

int stop_signal() { return static_cast<int>(stop_wanted); }
void forget_stop() { stop_wanted = 0; }
void request_stop() { stop_wanted = SIGTERM; }

}  // namespace timbre::train
