#pragma once
#include "roles/golden.h"

namespace timbre::llasa {

/// The network's part of golden/llasa_lm: forward passes, gradients, adapters, generation, sampling. Runs of the
/// trainer are another part's.
void run_lm_parity(roles::ParityRun& run);
/// adamw.*: the optimiser alone, in fp32 and bf16.
void run_adamw_parity(roles::ParityRun& run);

}  // namespace timbre::llasa
