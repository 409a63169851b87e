#pragma once
#include <filesystem>
#include <vector>

#include "models/fastspeech2/model.h"
#include "roles/golden.h"

/// Parts of the parity run that stand for themselves.
namespace timbre::fastspeech2 {

/// ming024's ScheduledOptim: lr(s) = width^-0.5 · min(s^-0.5, warmup^-1.5 · s) · rate^(anneal steps below s).
struct FitSchedule {
  double width = 256, warmup = 4000;
  std::vector<std::int64_t> anneal_steps;
  double anneal_rate = 1;
  double rate(std::int64_t step) const;
};

/// Adam as train.yaml sets it up: clip to a norm, count, set the rate, step, forget the gradients.
class FitOptimizer {
 public:
  FitOptimizer(const FastSpeech2& model, const std::filesystem::path& train_yaml, double width);
  /// Returns the norm before clipping.
  double step();
  double rate() const { return rate_; }
  std::int64_t accumulate() const { return accumulate_; }

 private:
  std::vector<Tensor> parameters_, exp_avg_, exp_avg_sq_, steps_;
  FitSchedule schedule_;
  double beta1_ = 0.9, beta2_ = 0.98, eps_ = 1e-9, weight_decay_ = 0, clip_ = 1, rate_ = 1e-3;
  std::int64_t accumulate_ = 1, updates_ = 0;
};

/// Symbols, English and Mandarin front ends, text ↔ ids.
void text_parity(roles::ParityRun& run);
/// What preprocess.py and prepare_align.py make, and the batches of collate.
void data_parity(roles::ParityRun& run);

}  // namespace timbre::fastspeech2
