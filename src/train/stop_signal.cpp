#include "train/stop_signal.h"

#include "train/loop.h"

namespace timbre::train {
namespace {

volatile std::sig_atomic_t stop_wanted = 0;
void want_stop(int signal) { stop_wanted = signal; }

}  // namespace

SignalScope::SignalScope() {
  struct sigaction action {};
  action.sa_handler = want_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
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
