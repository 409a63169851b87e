#include "base/event.h"

namespace timbre {

EventSink no_events() {
  return [](const Event&) {};
}

}  // namespace timbre
