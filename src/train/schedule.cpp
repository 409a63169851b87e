#include "train/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace timbre::train {

std::int64_t warmup_steps_of(const ScheduleOptions& options, std::int64_t max_steps) {
  if (options.warmup_ratio <= 0 || max_steps <= 0) return options.warmup_steps;
  return static_cast<std::int64_t>(std::ceil(options.warmup_ratio * static_cast<double>(max_steps)));
}

double learning_rate(const ScheduleOptions& given, double lr, std::int64_t step, std::int64_t max_steps,
                     std::int64_t epoch, std::int64_t batches) {
  ScheduleOptions options = given;
  options.warmup_steps = warmup_steps_of(given, max_steps);
  const bool by_batches = options.counts == "batches" && (options.kind == "eden" || options.kind == "noam");
  const double s = static_cast<double>(std::max<std::int64_t>(by_batches ? batches + 1 : step, 1)),
               warmup = static_cast<double>(options.warmup_steps);
  if (options.kind == "noam" || options.kind == "ming024") {
    double scale = std::pow(s, -0.5);
    if (options.warmup_steps > 0) scale = std::min(scale, s * std::pow(warmup, -1.5));
    scale *= std::pow(static_cast<double>(options.width), -0.5);
    if (options.kind == "noam") return lr * scale;
    for (const std::int64_t passed : options.anneal_steps)
      if (step > passed) scale *= options.anneal_rate;
    return scale;
  }
  if (options.kind == "eden") {
    const double b = s - 1, e = static_cast<double>(epoch), over_b = options.eden_batches * options.eden_batches,
                 over_e = options.eden_epochs * options.eden_epochs;
    const double warm = b >= warmup ? 1.0 : 0.5 + 0.5 * (b / warmup);
    return lr * (std::pow((b * b + over_b) / over_b, -0.25) * std::pow((e * e + over_e) / over_e, -0.25)) * warm;
  }
  const auto falling = [&](double done) {
    return options.final_ratio + (1.0 - options.final_ratio) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  };
  if (options.kind.ends_with("_hf")) {
    const double before = s - 1, end = static_cast<double>(max_steps);
    if (before < warmup) return lr * (before / warmup);
    if (options.kind == "constant_hf" || max_steps <= 0) return lr;
    const double done = std::min(1.0, (before - warmup) / std::max(1.0, end - warmup));
    if (options.kind == "warmup_cosine_hf") return lr * falling(done);
    return lr * (options.final_ratio + (1.0 - options.final_ratio) * (1.0 - done));
  }
  const double warm = options.warmup_steps > 0 ? std::min(1.0, s / warmup) : 1.0;
  if (options.kind == "exponential") return lr * warm * std::pow(options.decay, static_cast<double>(epoch));
  if (warm < 1.0 || options.kind == "constant" || max_steps <= options.warmup_steps) return lr * warm;
  const double done = std::clamp((s - warmup) / (static_cast<double>(max_steps) - warmup), 0.0, 1.0);
  if (options.kind == "warmup_cosine") return lr * falling(done);
  return lr * (options.final_ratio + (1.0 - options.final_ratio) * (1.0 - done));
}

std::vector<std::string> schedule_warnings(const TrainOptions& options, std::int64_t max_steps,
                                           std::int64_t steps_per_epoch) {
  std::vector<std::string> warnings;
  ScheduleOptions s = options.schedule;
  s.warmup_steps = warmup_steps_of(s, max_steps);
  const bool peaked = s.kind == "noam" || s.kind == "ming024";
  // Where batches are counted, a step is accumulate of them.
  const bool by_batches = s.counts == "batches" && (s.kind == "eden" || s.kind == "noam");
  const std::int64_t warm_steps = by_batches ? s.warmup_steps / options.accumulate : s.warmup_steps;
  if (max_steps > 0 && warm_steps >= max_steps)
    warnings.push_back(fmt::format(
        "schedule.warmup_steps={} is not over before the last step {}: the full learning rate is never reached",
        s.warmup_steps, max_steps));
  if (peaked && s.warmup_steps == 0)
    warnings.push_back(fmt::format("schedule.kind={} without warm-up starts at its highest rate", s.kind));
  if (s.kind == "noam" && options.optim.lr < 0.05)
    warnings.push_back(
        fmt::format("schedule.kind=noam multiplies optim.lr={:g} by about {:.2g} at best: the rate will be {:.2g}. The "
                    "factor is usually near 1",
                    options.optim.lr, learning_rate(s, 1.0, std::max<std::int64_t>(s.warmup_steps, 1), max_steps),
                    learning_rate(s, options.optim.lr, std::max<std::int64_t>(s.warmup_steps, 1), max_steps)));
  if (s.warmup_steps > 0 && s.warmup_steps < 20 && steps_per_epoch > 50)
    warnings.push_back(
        fmt::format("schedule.warmup_steps={} counts optimiser steps; an epoch has {} of them. Was it meant in epochs?",
                    s.warmup_steps, steps_per_epoch));
  const OptimOptions& optim = options.optim;
  if (optim.kind == "scaled_adam" && optim.lr > 0 && optim.lr < 1e-3)
    warnings.push_back(fmt::format(
        "optim.lr={:g} with scaled_adam: its rate is a share of each tensor's own size, so the {} steps of this run "
        "move none by more than about {:.2g} %. VALL-E's recipe has 0.05, its fine-tuning 0.04",
        optim.lr, max_steps, 100 * optim.lr * static_cast<double>(max_steps)));
  if (optim.kind != "scaled_adam" && !peaked && optim.lr >= 0.01)
    warnings.push_back(
        fmt::format("optim.lr={:g} with {}: that is a rate of scaled_adam's; {} moves every weight by so much a step. "
                    "1e-3 or less is usual",
                    optim.lr, optim.kind, optim.kind));
  const std::int64_t batches = max_steps * options.accumulate;
  if (options.valid_every_batches > batches)
    warnings.push_back(fmt::format(
        "valid_every_batches={} is beyond this run's {} batches: it validates {}", options.valid_every_batches, batches,
        options.valid_at_epoch_end ? "at the end of each epoch" : "when it ends, and not before"));
  if (s.kind == "ming024" && !s.anneal_steps.empty() &&
      *std::max_element(s.anneal_steps.begin(), s.anneal_steps.end()) <= 1000 && steps_per_epoch > 1)
    warnings.push_back("schedule.anneal_steps are all below 1000: they count optimiser steps, not epochs");
  return warnings;
}

}  // namespace timbre::train
