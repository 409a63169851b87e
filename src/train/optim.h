#pragma once
#include "train/update_rule.h"

/// What turns gradients into updates: groups of parameters and one of the update rules.
namespace timbre::train {

/// Splits by optim.group_lr ("PATTERN=FACTOR", the first match counts); the rest is the last group "*". Groups without
/// parameters are UsageErrors naming the pattern and the nearest parameter names.
/// Names in `held` are marked as held in their group, those that match a pattern of `no_decay` as not decayed.
std::vector<ParameterGroup> make_groups(const std::vector<Named>& parameters, const std::vector<std::string>& group_lr,
                                        const std::set<std::string>& held = {},
                                        const std::vector<std::string>& no_decay = {});

/// Norm of all gradients together, as torch.nn.utils.clip_grad_norm_ computes it: the norm of the norms.
Tensor gradient_norm(const std::vector<Named>& parameters);
/// Multiplies gradients by max_norm / (norm + 1e-6) where that is below 1.
void clip_gradients(const std::vector<Named>& parameters, double norm, double max_norm);

class Ranks;

class Optimiser {
 public:
  /// With `ranks`, which must outlive it, the state is shared out over them: then all of them must call step() and
  /// save() together, and torch's form of the state is not to be had.
  Optimiser(OptimOptions options, std::vector<ParameterGroup> groups, const Ranks* ranks = nullptr);
  /// One update at the rate `lr` (times each group's factor). What becomes of parameters without gradient is the
  /// rule's: see UpdateRule::moves_without_gradient().
  void step(double lr);
  void zero_gradients();
  std::int64_t steps() const { return steps_; }
  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// "m.<name>", "v.<name>" and the like: what the rule remembers. Of a shared state rank 0 gets all, the others
  /// nothing that is worth keeping.
  void save(weights::TensorMap& to) const { rule_->save(groups_, to); }
  /// Throws DataError when a moment is missing or of another shape.
  void load(const weights::TensorMap& from, std::int64_t steps, const std::string& where);
  /// The state_dict() of torch's optimiser of this kind over one group, whose parameters are `names` in that order;
  /// `base_lr` is what icefall's schedules leave in it, when given. The other way round: load_torch().
  weights::Value torch_state(const std::vector<std::string>& names, double lr, std::optional<double> base_lr) const;
  /// Takes over such a state. Throws DataError naming `where` and what does not fit.
  void load_torch(const weights::Value& state, const std::vector<std::string>& names, const std::string& where);
  /// Bytes of the moments; of a shared state, of those kept here.
  std::int64_t bytes() const { return rule_->bytes(); }
  const UpdateRule& rule() const { return *rule_; }
  std::vector<std::string> take_messages() { return rule_->take_messages(); }

 private:
  std::vector<ParameterGroup> groups_;
  std::shared_ptr<const Shares> shares_;
  std::unique_ptr<UpdateRule> rule_;
  std::int64_t steps_ = 0;
};

/// Running average of weights: average += (1 - decay)·(weight - average); buffers are copied.
class Average {
 public:
  /// `kind` of the numbers it is kept in; the weights' own by default.
  Average(nn::Module& model, double decay, std::optional<at::ScalarType> kind = {});
  void update() { update(1.0 - decay_); }
  /// average = share·weight + (1 - share)·average.
  void update(double share);
  /// Swaps the model's weights with the averages; twice = as before.
  void swap();
  weights::TensorMap state() const;
  void load(const weights::TensorMap& from, const std::string& where);

 private:
  std::vector<Named> live_, held_;
  double decay_;
};

}  // namespace timbre::train
