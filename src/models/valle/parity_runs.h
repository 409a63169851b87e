#pragma once
#include "roles/golden.h"

namespace timbre::valle {

/// The resumed runs of golden/valle_lifeiteng: the reference's own files gone on from, through the common step, the
/// optimisers and the books of the recipe.
void run_resumed_parity(roles::ParityRun& run);

/// The fine-tuning runs of golden/valle_x: two epochs of the prediction layers alone.
void run_finetune_parity(roles::ParityRun& run);

}  // namespace timbre::valle
