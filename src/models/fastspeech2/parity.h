#pragma once
#include "roles/golden.h"

namespace timbre::fastspeech2 {

/// Computes golden/fastspeech2_ming024, or any folder of that layout: every pair <x>.gt.in / <x>.inf.in with
/// model_<x>/, the training run, texts, preparation.
void run_parity(roles::ParityRun& run);
/// The same for golden/fastspeech2_torphix: both generations, the Lightning run, texts, prepare and create.
void run_torphix_parity(roles::ParityRun& run);

}  // namespace timbre::fastspeech2
