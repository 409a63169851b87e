#pragma once
#include "roles/golden.h"

namespace timbre::valle {

/// The part of golden/valle_lifeiteng, or any folder of that layout, that needs no training: forward passes with
/// gradients, inference, sampling, the text.
void run_lifeiteng_parity(roles::ParityRun& run);

/// The part of golden/valle_x, or any folder of that layout, that runs the network without training it: inference, and
/// the fork's forward passes.
void run_vallex_parity(roles::ParityRun& run);

}  // namespace timbre::valle
