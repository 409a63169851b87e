#pragma once
#include "roles/golden.h"

namespace timbre::valle {

/// The set scaled_adam_eden: trajectories of the optimisers and rates of the schedules of lifeiteng/vall-e's trainer.
void run_scaled_adam_parity(roles::ParityRun& run);

}  // namespace timbre::valle
