#pragma once
#include <cstdint>

#include "train/options.h"

namespace timbre::train {

/// warmup_steps; or warmup_ratio of max_steps, rounded up, where that is given.
std::int64_t warmup_steps_of(const ScheduleOptions& options, std::int64_t max_steps);

/// The learning rate of optimiser step `step` (1 = the first). max_steps > 0 for the schedules that end.
///   constant       lr · warm
///   warmup_linear  lr · warm, then straight down to lr·final_ratio at max_steps
///   warmup_cosine  the same along half a cosine
///   warmup_cosine_hf, warmup_linear_hf, constant_hf  the same as transformers' Trainer counts them: from 0, so that
///   the
///                  rate of the first step is 0 where there is a warm-up, and that of the last one is not yet the
///                  lowest
///   exponential    lr · warm · decay^epoch, epoch = passes over the data that are done
///   noam           lr · width^-0.5 · min(step^-0.5, step·warmup^-1.5)            (Vaswani et al. 2017 §5.3)
///   ming024        width^-0.5 · min(step^-0.5, step·warmup^-1.5) · anneal_rate^(anneal_steps passed); lr is not used
///   eden           lr · ((b² + B²)/B²)^-¼ · ((e² + E²)/E²)^-¼ · (0.5 + 0.5·min(1, b / warmup)), B = eden_batches,
///                  E = eden_epochs, e = epoch, b = what is done before the step           (icefall's optim.py)
/// warm = min(1, step / warmup_steps). With counts = batches, eden's b is `batches` (mini-batches done before the step)
/// and noam's step is batches + 1; otherwise b = step - 1.
double learning_rate(const ScheduleOptions& options, double lr, std::int64_t step, std::int64_t max_steps,
                     std::int64_t epoch = 0, std::int64_t batches = 0);

/// Contradictions and known traps, as warnings for the user.
std::vector<std::string> schedule_warnings(const TrainOptions& options, std::int64_t max_steps,
                                           std::int64_t steps_per_epoch);

}  // namespace timbre::train
