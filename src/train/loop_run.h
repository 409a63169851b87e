#pragma once
#include "train/loop_parts.h"
#include "train/schedule.h"

/// The loop itself, for loop*.cpp alone.
namespace timbre::train {

double now_s();

/// One run from its start or its last checkpoint to its end.
class Loop {
 public:
  explicit Loop(Job& job);
  Outcome run();

 private:
  void compare_data() const;
  void restore();
  void move_to_ranks(std::int64_t was);
  std::vector<Stepper::Phase> phases_to_come() const;
  void plan();
  nlohmann::json describe_moments();
  void set_max_steps(std::int64_t steps_per_epoch);
  bool step(batch::Loader& loader);
  std::map<std::string, double> mean_over_ranks(const std::map<std::string, double>& mine) const;
  void report(const StepOutcome& outcome, double seconds, double lr);
  void validate_now(bool at_end, std::int64_t epoch, std::int64_t batches);
  void after_step(const std::vector<batch::Loaded>& micros, std::int64_t batches_before);
  void save(const char* why);
  void look_untrained();
  OverfitVerdict verdict() const;
  void advise_at_end();
  void samples();
  Checkpoint snapshot() const;
  void finish();
  void write_voice();
  bool last_is_best() const { return o_.voice_of == "last" || job_.recipe.last_is_best(); }
  std::string data_hash() const;
  std::vector<batch::Loaded> take(batch::Loader& loader);
  std::int64_t exact_steps() const;
  /// Whole steps that the batches of an epoch make, with partial_steps the one that is not whole too.
  std::int64_t steps_of(std::int64_t batches) const {
    return (batches + (o_.partial_steps ? o_.accumulate - 1 : 0)) / o_.accumulate;
  }
  void end_epoch(std::int64_t epoch, std::int64_t batches);
  void end_begun_epochs();
  void tell_of_batch(const std::vector<batch::Loaded>& micros, std::size_t m, const std::vector<Term>& terms,
                     std::vector<std::string> messages);
  Companion::State standing(std::int64_t epoch, std::int64_t batches);
  void update_average(std::int64_t batches);
  StepOutcome run_step(const StepInfo& info, const std::vector<batch::Loaded>& micros, double lr);
  /// The rate of step `step`, with `batches` mini-batches done before it.
  double rate_of(std::int64_t step, std::int64_t epoch, std::int64_t batches) const {
    return learning_rate(o_.schedule, base_lr(), step, progress_.max_steps, epoch, batches);
  }
  double base_lr() const { return progress_.base_lr.value_or(o_.optim.lr); }

  Job& job_;
  const TrainOptions& o_;
  Side side_;
  batch::BucketSampler sampler_;
  Validator validator_;
  Stepper stepper_;
  std::optional<Average> average_;
  std::optional<Average> mean_;                 ///< average_every_batches
  Companion* companion_ = nullptr;              ///< of the first rank alone
  std::int64_t validated_step_ = -1;            ///< the step whose weights were validated last
  std::optional<nlohmann::json> recipe_state_;  ///< as the step began, while one is under way
  RunLog log_;
  Progress progress_;
  Forecast forecast_;
  MetricMeans averages_;
  double since_report_s_ = 0, waited_s_ = 0, train_s_ = 0, last_save_s_ = 0, units_since_report_ = 0, valid_s_ = 0;
  int failed_saves_ = 0;
  std::string ended_by_;
  std::vector<CurvePoint> curve_;
  std::optional<double> train_loss_;
  double untrained_loss_ = 0;                 ///< with --overfit
  std::map<std::string, double> best_means_;  ///< terms of the best validation of this process
  std::optional<Advice> advice_;
  std::optional<OverfitVerdict> overfit_;
};

}  // namespace timbre::train
