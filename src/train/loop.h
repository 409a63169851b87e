#pragma once
#include <filesystem>
#include <optional>

#include "train/advice.h"
#include "train/checkpoint.h"
#include "train/distributed.h"
#include "train/forecast.h"
#include "train/options.h"
#include "train/recipe.h"
#include "train/run_log.h"

/// One loop for all models.
namespace timbre::train {

/// A run ready to go: the recipe is open, weights to start from are in it.
struct Job {
  Recipe& recipe;
  TrainOptions options;
  const Ranks& ranks;
  std::filesystem::path run;  ///< run folder
  at::Device device = at::kCPU;
  nlohmann::json resolved;           ///< all options, for state.json and the voice's provenance
  nlohmann::json provenance;         ///< corpus, base … of the voice
  std::optional<Checkpoint> resume;  ///< goes on after this one
  int cut_for = 0;                   ///< ranks the data were cut for when the run began; train() sets it
  bool dry_run = false;              ///< forecast only, nothing is written
  bool stop_when_memorised = false;  ///< with --overfit: end as soon as the verdict is "pass"
  EventSink events = no_events();
};

/// How a run ended.
struct Outcome {
  std::int64_t step = 0;
  std::string ended_by;  ///< "steps", "patience", "memorised", "signal", "dry run"
  int signal = 0;        ///< the signal it was stopped by
  double best_loss = 0;  ///< of validation; NaN when there was none
  std::string best;      ///< name of the best checkpoint, else of the last
  Forecast forecast;
  double train_s = 0, waited_s = 0;       ///< of this process: in steps; of that, waiting for data
  std::optional<Advice> advice;           ///< what the validation curve says; none without validations
  std::optional<OverfitVerdict> overfit;  ///< of a run with --overfit that was not stopped by a signal
};

/// Trains until the end or a signal (SIGTERM, SIGINT: checkpoint, then return). Throws what the recipe and the disk
/// throw; whatever had been saved stays. A DataError of the data leaves a checkpoint of the step before.
Outcome train(Job& job);

/// Asks the running loop to stop after its step, as SIGTERM does.
void request_stop();

}  // namespace timbre::train
