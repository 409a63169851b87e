#include "roles/synthesizer.h"

#include "base/error.h"

namespace timbre::roles {

MelUtterance Synthesizer::follow(const Recorded&) const {
  throw UsageError("this voice, as it is computed here, cannot make mels of recordings",
                   "voices that LibTorch computes can: fastspeech2");
}

}  // namespace timbre::roles
