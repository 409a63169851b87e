#pragma once
#include <map>

#include "batch/sampler.h"
#include "config/fields.h"

/// Options of the loop. Models set other defaults when they register (Registry::add_recipe).
namespace timbre::train {

/// What ScaledAdam obeys beside lr, betas and eps; names and defaults are those of lifeiteng/vall-e's class.
struct ScaledAdamOptions {
  double clipping_scale = 2.0;
  std::int64_t clipping_update_period = 100;
  double scalar_lr_scale = 0.1;
  double param_min_rms = 1e-5, param_max_rms = 3.0;
  double scalar_max = 10.0;
  std::int64_t size_update_period = 4;
};
config::Fields fields(ScaledAdamOptions& o);

/// Update rule of every parameter group.
struct OptimOptions {
  std::string kind = "adamw";
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.98;
  double eps = 1e-9;
  double weight_decay = 0.0;
  std::vector<std::string> no_decay;
  double target_rms = 0.1;
  ScaledAdamOptions scaled;
  double clip_norm = 1.0;
  std::vector<std::string> group_lr;
  std::vector<std::string> freeze;
  std::vector<std::string> unfreeze;
  bool frozen_shrink = false;
  std::map<std::string, double> part_lr;  ///< by the model's part; 0 = lr (parts.h)
};
config::Fields fields(OptimOptions& o);

/// Learning rate over steps. The value multiplies lr, except for "ming024" and "noam", which give the rate itself.
struct ScheduleOptions {
  std::string kind = "warmup_cosine";
  std::int64_t warmup_steps = 0;
  double warmup_ratio = 0;
  std::string counts = "steps";
  double eden_batches = 5000, eden_epochs = 4;
  double final_ratio = 0.05;
  double decay = 0.999;
  std::int64_t width = 256;
  std::vector<std::int64_t> anneal_steps = {300000, 400000, 500000};
  double anneal_rate = 0.3;
};
config::Fields fields(ScheduleOptions& o);

/// Everything the loop obeys.
struct TrainOptions {
  OptimOptions optim;
  ScheduleOptions schedule;
  batch::SamplerOptions batch;
  std::int64_t accumulate = 1;
  bool partial_steps = false;
  std::int64_t max_steps = 0;
  double max_epochs = 0;
  double max_minutes = 0;
  std::int64_t overfit = 0;
  std::int64_t valid_every_steps = 0;
  std::int64_t valid_every_batches = 0;
  bool valid_at_epoch_end = true;
  std::int64_t save_every_steps = 0;
  double save_every_minutes = 10;
  std::int64_t sample_every_steps = 0;
  std::int64_t log_every_steps = 10;
  std::int64_t keep = 3;
  std::int64_t patience = 0;
  std::string voice_of = "best";
  double ema = 0.0;
  std::int64_t average_every_batches = 0;
  bool inf_check = false;
  std::string precision = "fp32";
  std::string normalise = "global";
  bool sync_batch_norm = true;
  std::string shard_optimiser = "auto";
  bool probe = true;
  std::int64_t seed = 1234;
};
config::Fields fields(TrainOptions& o);

}  // namespace timbre::train
