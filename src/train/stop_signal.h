#pragma once
#include <csignal>

/// How a run learns that it shall stop after its step.
namespace timbre::train {

/// SIGTERM and SIGINT mean "checkpoint, then end" while it lives; another one a second later or more kills as usual. (A
/// terminal and a launcher tell each rank once, at the same time: that is one.)
class SignalScope {
 public:
  SignalScope();
  ~SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

 private:
  struct sigaction old_term_ {
  }, old_int_{};
};

/// The signal that came, or 0.
int stop_signal();
void forget_stop();

}  // namespace timbre::train
