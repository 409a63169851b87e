#pragma once
#include <optional>

#include "models/valle/config.h"
#include "train/registry.h"

/// The flags of lifeiteng's bin/trainer.py with its names and defaults, and what they say of a run in timbre's words.
namespace timbre::valle {

namespace fs = std::filesystem;

/// What was not given is absent: then the loop's own options count, whose defaults are the trainer's.
struct TrainerOptions {
  std::optional<std::string> exp_dir, manifest_dir, text_tokens, dtype, optimizer_name, scheduler_name, input_strategy,
      dataset;
  std::optional<std::int64_t> world_size, master_port, num_epochs, start_epoch, start_batch, warmup_steps,
      warmup_epochs, save_every_n, valid_interval, keep_last_k, average_period, accumulate_grad_steps, num_buckets,
      buffer_size, shuffle_buffer_size, num_workers, spec_aug_time_warp_factor, sampling_rate;
  std::optional<double> base_lr, max_duration, duration_factor, gap;
  std::optional<std::string> tensorboard, visualize, oom_check, bucketing_sampler, concatenate_cuts, on_the_fly_feats,
      shuffle, drop_last, return_cuts, enable_spec_aug;
  std::int64_t train_stage = 0;
  double filter_min_duration = 0.0, filter_max_duration = 20.0;
  std::int64_t log_interval = 100;
};
config::Fields fields(TrainerOptions& o);

/// "true", "yes", "t", "y", "1" and their opposites, as the trainer reads them. Throws UsageError naming the flag.
bool truth(const std::optional<std::string>& text, bool otherwise, const char* flag);

class Trainer final : public train::ForeignTrainer {
 public:
  config::Fields fields() override { return valle::fields(options_); }
  void apply(train::RunOptions& run) override;
  void place(train::RunOptions& run) override;
  std::string preset(const std::vector<std::string>& words) const override;

  const TrainerOptions& options() const { return options_; }
  TrainerOptions& options() { return options_; }
  /// The loop's options as apply() left them. std::logic_error before it.
  const train::TrainOptions& loop() const;
  bool applied() const { return loop_ != nullptr; }
  /// Whether the run keeps the reference's files: exp_dir was given.
  bool keeps_files() const { return options_.exp_dir.has_value(); }
  fs::path exp_dir() const { return options_.exp_dir.value_or("exp/valle_dev"); }
  /// Where cuts_train.jsonl.gz lies; used when no corpus was named.
  fs::path manifest_dir() const { return options_.manifest_dir.value_or("data/tokenized"); }
  fs::path text_tokens() const;
  /// Values as the reference's checkpoints hold them.
  std::int64_t start_epoch() const { return options_.start_epoch.value_or(1); }
  std::int64_t start_batch() const { return options_.start_batch.value_or(0); }
  bool visualizes() const { return truth(options_.visualize, false, "--visualize"); }
  bool tensorboard() const { return truth(options_.tensorboard, true, "--tensorboard"); }
  bool prompted() const;

 private:
  void apply_loop(train::RunOptions& run) const;
  void name_ties(train::RunOptions& run) const;
  void apply_rule(train::RunOptions& run) const;
  void apply_batches(train::RunOptions& run) const;
  void apply_dtype(train::RunOptions& run) const;
  void refuse_what_is_not_there(const train::RunOptions& run) const;
  TrainerOptions options_;
  const train::TrainOptions* loop_ = nullptr;
};

/// The loop's defaults for VALL-E: those of the trainer.
void trainer_defaults(train::TrainOptions& o, const std::string& preset);

}  // namespace timbre::valle
