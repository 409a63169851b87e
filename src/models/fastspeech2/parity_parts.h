#pragma once
#include <filesystem>
#include <optional>
#include <vector>

#include "batch/batch.h"
#include "models/fastspeech2/model.h"
#include "roles/parity_part.h"
#include "train/optim.h"

/// Parts of the parity run that stand for themselves.
namespace timbre::fastspeech2 {

/// The reference's optimiser as train.yaml sets it up, made of the loop's own parts: clip to a norm, count, set the
/// rate, step.
class FitOptimizer {
 public:
  FitOptimizer(const FastSpeech2& model, const std::filesystem::path& train_yaml, std::int64_t width);
  /// Returns the norm before clipping.
  double step();
  double rate() const { return rate_; }
  std::int64_t accumulate() const { return accumulate_; }

 private:
  train::OptimOptions options_;
  train::ScheduleOptions schedule_;
  std::vector<nn::Named> parameters_;
  std::optional<train::Optimiser> optimiser_;
  double rate_ = 1e-3;
  std::int64_t accumulate_ = 1;
};

/// Means of the five losses under `names`, in the order of loss_terms.
struct MeanLosses {
  Tensor total;
  nlohmann::json values;
};
MeanLosses mean_losses(const Config& config, const Outputs& out, const batch::Batch& batch);
/// Puts a tensor of FILE when the set asks for it: a copy, since weights and statistics go on changing.
void put_if_asked(roles::ParityRun& run, const std::string& file, const std::string& name, const Tensor& value);

/// Symbols, English and Mandarin front ends, text ↔ ids.
void text_parity(roles::ParityRun& run);
/// What preprocess.py and prepare_align.py make, and the batches of collate.
void data_parity(roles::ParityRun& run);
/// The same for torphix: what its prepare_dataset and create_dataset make, and its Dataset's items.
void torphix_text_parity(roles::ParityRun& run);
void torphix_data_parity(roles::ParityRun& run);

}  // namespace timbre::fastspeech2
