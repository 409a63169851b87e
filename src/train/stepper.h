#pragma once
#include <functional>
#include <map>

#include "batch/loader.h"
#include "train/distributed.h"
#include "train/optim.h"
#include "train/recipe.h"

namespace timbre::train {

/// What one optimiser step did.
struct StepOutcome {
  double loss = 0;                        ///< weighted total of the last player that played
  std::map<std::string, double> metrics;  ///< each term as a mean over its unit; "grad_norm" (before clipping)
  double real_units = 0, padded_units = 0;
  std::vector<std::string> messages;  ///< of the update rules
};

/// Sums of terms over batches, for means over units.
class TermSums {
 public:
  void add(const std::vector<Term>& terms, const std::map<std::string, double>& counts);
  /// Adds up over ranks; all ranks must hold the same terms.
  void join(const Ranks& ranks);
  std::map<std::string, double> means() const;
  double total() const;
  bool empty() const { return sums_.empty(); }
  /// Units by term name.
  std::map<std::string, double> counts() const;

 private:
  struct Sum {
    double sum = 0, count = 0, weight = 0;
  };
  std::vector<std::pair<std::string, Sum>> sums_;
};

/// Forward, backward, sum over ranks, clip, update: one optimiser step for every player whose turn it is.
class Stepper {
 public:
  Stepper(Recipe& recipe, const TrainOptions& options, const Ranks& ranks);

  /// `micros` are this rank's batches of the step (on the device). Throws DataError naming the utterances when a loss
  /// or gradient is not finite, before any weight of that player has moved.
  /// `between` is told of each mini-batch after its backward pass, before the update.
  using Between = std::function<void(std::size_t micro, const std::vector<Term>& terms)>;
  StepOutcome run(const StepInfo& info, const std::vector<const batch::Batch*>& micros, double base_rate,
                  const Between& between = {});
  /// Steps that cost alike: a phase begins where another player joins in. `share` is of the steps from..to; shares add
  /// up to 1.
  struct Phase {
    std::int64_t first = 1;
    double share = 1;
  };
  std::vector<Phase> phases(std::int64_t from, std::int64_t to) const;
  /// Forward and backward of those who play at `step`, gradients dropped: for the trial before step 1. Returns the
  /// loss.
  double trial(const batch::Batch& batch, std::int64_t step);

  std::vector<Optimiser>& optimisers() { return optimisers_; }
  const std::vector<Player>& players() const { return players_; }
  /// Whether the optimisers' states are shared out over the ranks (shard_optimiser): then all ranks must call save().
  bool shared() const { return shared_; }
  /// Why they are not, where they might have been expected to be; else empty.
  const std::string& why_whole() const { return why_whole_; }
  /// Bytes of the moments here, and of all of them.
  std::int64_t moment_bytes() const;
  std::int64_t all_moment_bytes() const;
  /// Names of the parameters that no update reaches.
  const std::vector<std::string>& frozen() const { return frozen_; }
  void save(weights::TensorMap& to) const;
  void load(const weights::TensorMap& from, const nlohmann::json& steps, const std::string& where);
  nlohmann::json steps() const;

 private:
  void choose_sharing();
  void freeze_by_pattern(const std::vector<Named>& all);
  void name_what_is_not_finite(std::size_t player, const batch::Batch& batch, StepOutcome& outcome) const;
  void sum_gradients(std::size_t player) const;
  void take_turn(std::size_t player);
  Tensor backward(const std::vector<Term>& terms, const std::map<std::string, double>& denominators);
  std::map<std::string, double> denominators(const std::vector<const batch::Batch*>& micros,
                                             const batch::Batch& micro) const;
  Recipe& recipe_;
  const TrainOptions& options_;
  const Ranks& ranks_;
  std::vector<Player> players_;
  std::vector<std::vector<Named>> owned_;     ///< per player, trainable
  std::vector<std::vector<Named>> recorded_;  ///< per player: trainable ones of others, see Player::records
  std::vector<Optimiser> optimisers_;
  std::vector<std::string> frozen_;
  bool shared_ = false;
  std::string why_whole_;
};

}  // namespace timbre::train
