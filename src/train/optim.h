#pragma once
#include "nn/module.h"
#include "train/options.h"

/// Adam and AdamW in one fused pass over all parameters (Kingma & Ba 2015; Loshchilov & Hutter 2019), as LibTorch's
/// at::_fused_adam(w)_ computes them.
namespace timbre::train {

using nn::Named;
using nn::Tensor;

/// Parameters that learn at one rate.
struct ParameterGroup {
  std::string pattern;  ///< "*" for the rest
  double factor = 1.0;  ///< times the schedule's rate
  std::vector<Named> parameters;
};

/// Splits by optim.group_lr ("PATTERN=FACTOR", the first match counts); the rest is the last group "*". Groups without
/// parameters are UsageErrors naming the pattern and the nearest parameter names.
std::vector<ParameterGroup> make_groups(const std::vector<Named>& parameters, const std::vector<std::string>& group_lr);

/// Norm of all gradients together, as torch.nn.utils.clip_grad_norm_ computes it: the norm of the norms.
Tensor gradient_norm(const std::vector<Named>& parameters);
/// Multiplies gradients by max_norm / (norm + 1e-6) where that is below 1.
void clip_gradients(const std::vector<Named>& parameters, double norm, double max_norm);

class Optimiser {
 public:
  Optimiser(OptimOptions options, std::vector<ParameterGroup> groups);
  /// One update at the rate `lr` (times each group's factor). Parameters without gradient are left alone.
  void step(double lr);
  void zero_gradients();
  std::int64_t steps() const { return steps_; }
  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// "m.<name>", "v.<name>".
  void save(weights::TensorMap& to) const;
  /// Throws DataError when a moment is missing or of another shape.
  void load(const weights::TensorMap& from, std::int64_t steps, const std::string& where);
  /// Bytes of the moments.
  std::int64_t bytes() const;

 private:
  struct State {
    std::vector<Tensor> m, v;
    std::vector<Tensor> step;  ///< how often each parameter was updated (as the fused operator wants it)
  };
  OptimOptions options_;
  std::vector<ParameterGroup> groups_;
  std::vector<State> states_;
  std::int64_t steps_ = 0;
};

/// Running average of weights: average += (1 - decay)·(weight - average); buffers are copied.
class Average {
 public:
  Average(nn::Module& model, double decay);
  void update();
  /// Swaps the model's weights with the averages; twice = as before.
  void swap();
  weights::TensorMap state() const;
  void load(const weights::TensorMap& from, const std::string& where);

 private:
  std::vector<Named> live_, held_;
  double decay_;
};

}  // namespace timbre::train
