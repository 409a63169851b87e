#pragma once
#include "roles/golden.h"

namespace timbre::hifigan {

/// The golden set "hifigan": mels, dataset rows, generators, discriminators, training steps. Everything is read from
/// the set.
void run_parity(roles::ParityRun& run);
/// Its training part, in parity_train.cpp.
void run_training_parity(roles::ParityRun& run);
/// Its discriminators of published size, in parity_train.cpp.
void run_full_size_parity(roles::ParityRun& run);

}  // namespace timbre::hifigan
