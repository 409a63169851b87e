#pragma once
#include "roles/golden.h"

namespace timbre::xcodec2 {

/// Computes golden/xcodec2 from each of the four forms of weights in it.
void run_parity(roles::ParityRun& run);

/// The tables of finite scalar quantisation and the .npy files of golden/codebook_io.
void run_codebook_parity(roles::ParityRun& run);

}  // namespace timbre::xcodec2
