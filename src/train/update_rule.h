#pragma once
#include <set>

#include "nn/module.h"
#include "train/options.h"
#include "weights/checkpoint_value.h"

namespace timbre::train {

using nn::Named;
using nn::Tensor;

/// Parameters that learn at one rate.
struct ParameterGroup {
  std::string pattern;  ///< "*" for the rest
  double factor = 1.0;  ///< times the schedule's rate
  std::vector<Named> parameters;
  std::set<std::string> undecayed{};  ///< names of those that optim.weight_decay does not reach
  std::set<std::string> held{};       ///< names of those that stay as they are: in the state's layout, never moved
};

/// How an optimiser moves its parameters, and what it remembers of them. Made by make_rule(); the groups are those it
/// was made for, in the same order.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;
  /// One update; group g learns at lr · factor.
  virtual void step(const std::vector<ParameterGroup>& groups, double lr) = 0;

  virtual void save(const std::vector<ParameterGroup>& groups, weights::TensorMap& to) const = 0;
  /// Throws DataError naming what is missing or of another shape.
  virtual void load(const std::vector<ParameterGroup>& groups, const weights::TensorMap& from, std::int64_t steps,
                    const std::string& where) = 0;

  /// The "state" of a torch optimiser over one group whose parameters are `names`, in that order: index → dict.
  virtual weights::Value torch_state(const std::vector<ParameterGroup>& groups,
                                     const std::vector<std::string>& names) const = 0;
  /// Takes such a state over. Returns the number of updates that it has behind it. Throws DataError naming the
  /// parameter and field that do not fit.
  virtual std::int64_t load_torch(const std::vector<ParameterGroup>& groups, const weights::Value& state,
                                  const std::vector<std::string>& names, const std::string& where) = 0;
  /// Hyper-parameters as the torch class keeps them in param_groups, in its order and without lr: betas, eps …
  virtual weights::Value::Dict torch_settings() const = 0;

  /// Bytes of what it remembers.
  virtual std::int64_t bytes() const = 0;
  /// What it had to say since the last call: clipping, as ScaledAdam reports it.
  virtual std::vector<std::string> take_messages() { return {}; }
  /// False where a parameter without gradient is left alone; true where it counts as a gradient of zero.
  virtual bool moves_without_gradient() const { return false; }
  /// True where it clips by a measure of its own, so that optim.clip_norm does not apply.
  virtual bool clips_itself() const { return false; }
};

class Shares;

/// By options.kind: adamw, adam, scaled_adam, eve. `shares` (not for scaled_adam): the rule's state is shared out over
/// ranks.
std::unique_ptr<UpdateRule> make_rule(const OptimOptions& options, const std::vector<ParameterGroup>& groups,
                                      const Shares* shares = nullptr);

/// Copies `from`'s tensor `name` into `to`. Throws DataError naming `where` when it is missing or of another shape.
void take_tensor(const weights::TensorMap& from, const std::string& name, const Tensor& to, const std::string& where);
/// Copies field `key` of one parameter's torch state into `to`, the same way.
void take_field(const weights::Value& state, std::string_view key, const Tensor& to, const std::string& where);

}  // namespace timbre::train
