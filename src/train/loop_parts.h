#pragma once
#include "train/loop.h"
#include "train/stepper.h"

/// The pieces of the loop that loop.cpp, trial.cpp and validate.cpp share. Not for others.
namespace timbre::train {

/// What changes from step to step besides weights; saved in state.json.
struct Progress {
  std::int64_t step = 0;
  std::int64_t max_steps = 0;
  batch::Position next;
  double best_loss = 0;
  std::string best;  ///< checkpoint name; empty before the first validation
  std::int64_t worse_in_a_row = 0;
  std::int64_t batches = 0;       ///< mini-batches done, over all epochs
  std::int64_t epochs_ended = 0;  ///< as told to the recipe's companion
  std::optional<double> base_lr;  ///< instead of optim.lr
  double train_s = 0;
};
nlohmann::json to_json(const Progress& progress);
Progress progress_from(const nlohmann::json& state);

/// Means of step metrics between two reports.
class MetricMeans {
 public:
  void add(const std::map<std::string, double>& values) {
    for (const auto& [name, value] : values) {
      auto& [sum, count] = sums_[name];
      sum += value;
      count += 1;
    }
  }
  std::map<std::string, double> take() {
    std::map<std::string, double> means;
    for (const auto& [name, sum] : sums_) means[name] = sum.first / sum.second;
    sums_.clear();
    return means;
  }

 private:
  std::map<std::string, std::pair<double, double>> sums_;
};

/// Items of a split as the loop uses them: all, or the first few of training with --overfit.
struct Side {
  Split split = Split::train;
  std::vector<std::int64_t> units;
  std::vector<double> seconds;  ///< empty where the recipe does not know them
};
Side make_side(const Recipe& recipe, Split split, std::int64_t overfit);

/// Means over the validation split. Every rank calls it.
class Validator {
 public:
  Validator(Job& job);
  bool empty() const { return units_ == 0; }  ///< there are no validation items, on any rank
  std::map<std::string, double> run(const StepInfo& info, double* total,
                                    std::map<std::string, double>* counts = nullptr);
  double units() const { return units_; }

 private:
  Job& job_;
  Side side_;
  std::vector<std::vector<std::size_t>> batches_;  ///< of this rank
  double units_ = 0;
};

/// Runs the largest and some ordinary batches forward and backward without an update, and measures. Leaves weights,
/// buffers and the recipe's state as they were.
struct Trial {
  CostLine step;            ///< of forward and backward, by padded units of one batch
  double update_s = 0;      ///< clipping, summing, update
  double valid_unit_s = 0;  ///< forward alone, per padded unit
  double peak_bytes = 0;
  std::vector<std::pair<double, double>> measured;  ///< (padded units, seconds) of each ordinary batch
  double batch_bytes = 0;                           ///< of the largest batch met
};
/// `phases` of the steps to come: memory is that of the dearest, time the mean by their shares.
Trial try_batches(Job& job, Stepper& stepper, const batch::BucketSampler& sampler, const Side& side,
                  const std::vector<Stepper::Phase>& phases, bool validates);

/// Steps of an epoch and the forecast of the rest of the run.
Forecast make_forecast(const Job& job, const Trial& trial, const batch::BucketSampler& sampler,
                       const Progress& progress, double valid_units);

/// Keeps buffers and recipe state while the loop tries something.
class StateGuard {
 public:
  explicit StateGuard(Recipe& recipe);
  ~StateGuard();
  StateGuard(const StateGuard&) = delete;
  StateGuard& operator=(const StateGuard&) = delete;

 private:
  Recipe& recipe_;
  nlohmann::json state_;
  std::vector<Named> kept_;
};

}  // namespace timbre::train
