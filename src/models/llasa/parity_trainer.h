#pragma once
#include "roles/golden.h"

namespace timbre::llasa {

/// Runs of transformers' Trainer in golden/llasa_lm, by the recipe under the common loop: rates, losses, norms, groups,
/// weights after some steps; adapters alone among them.
void run_trainer_parity(roles::ParityRun& run);

}  // namespace timbre::llasa
