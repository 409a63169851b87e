#pragma once
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "models/valle/totals.h"
#include "train/recipe.h"

/// The books that lifeiteng's trainer keeps while it trains: running totals, best losses, what it prints and what it
/// shows in TensorBoard.
namespace timbre::valle {

class Books {
 public:
  struct Sinks {
    std::function<void(const std::string& line)> line;
    std::function<void(const std::string& tag, double value, std::int64_t batch)> scalar;
  };
  /// Kept in every checkpoint, by the trainer's names.
  struct Best {
    double train_loss = std::numeric_limits<double>::infinity();
    double valid_loss = std::numeric_limits<double>::infinity();
    std::int64_t train_epoch = -1, valid_epoch = -1;
  };

  Books(std::int64_t log_interval, std::int64_t reset_interval, Sinks sinks)
      : log_interval_(log_interval), reset_interval_(reset_interval), sinks_(std::move(sinks)) {}

  /// Epochs count from 1 here, as they do in the reference's files.
  void batch_done(const train::Companion::Report& report);
  void validation_begins() { sinks_.line("Computing validation loss"); }
  void validated(std::int64_t epoch, std::int64_t batch, const Totals& valid, std::int64_t memory_mb);
  /// Closes the epoch: the training loss is that of the running totals.
  void epoch_ended(std::int64_t epoch);

  Best best;
  double train_loss() const { return train_loss_; }
  const Totals& running() const { return running_; }
  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  void show(const std::string& prefix, const Totals& totals, std::int64_t batch);
  std::int64_t log_interval_, reset_interval_;
  Sinks sinks_;
  Totals running_;
  double train_loss_ = std::numeric_limits<double>::infinity();
};

/// What one batch adds: frames, utterances, loss, the metrics times the frames.
Totals totals_of(const std::vector<std::pair<std::string, double>>& sums, const std::map<std::string, double>& counts);

}  // namespace timbre::valle
