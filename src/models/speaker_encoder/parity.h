#pragma once
#include "roles/golden.h"

namespace timbre::speaker_encoder {

/// Computes golden/speaker_encoder, or any folder of that layout.
void run_parity(roles::ParityRun& run);

}  // namespace timbre::speaker_encoder
