#pragma once
#include "roles/golden.h"

namespace timbre::vocos {

/// Computes golden/vocos: folders with config.yaml, pytorch_model.bin and cases.safetensors, and cases_istft.
void run_parity(roles::ParityRun& run);

}  // namespace timbre::vocos
