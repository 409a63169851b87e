#pragma once
#include "train/update_rule.h"

/// ScaledAdam as lifeiteng/vall-e has it (valle/modules/optim.py, from icefall): Adam whose step is proportional to the
/// tensor's RMS, and which learns that RMS by itself. In its version, clipping reaches the learning of the sizes alone,
/// not the main step. The formulas: docs of golden/scaled_adam_eden, quirks 1 to 9.
namespace timbre::train {

/// Parameters of one shape share their state, as one tensor with an axis before the parameter's own; the reference
/// keeps it under the first of them. Stacks are ordered by shape, element by element, shorter first.
class ScaledAdam : public UpdateRule {
 public:
  ScaledAdam(OptimOptions options, const std::vector<ParameterGroup>& groups);
  void step(const std::vector<ParameterGroup>& groups, double lr) override;
  /// "delta.", "exp_avg_sq.", "param_rms.", "scale_exp_avg_sq.", "scale_grads." and the first parameter's name;
  /// "model_norms.<group>", "model_clipping.<group>" (threshold or NaN, number clipped or NaN).
  void save(const std::vector<ParameterGroup>& groups, weights::TensorMap& to) const override;
  void load(const std::vector<ParameterGroup>& groups, const weights::TensorMap& from, std::int64_t steps,
            const std::string& where) override;
  weights::Value torch_state(const std::vector<ParameterGroup>& groups,
                             const std::vector<std::string>& names) const override;
  std::int64_t load_torch(const std::vector<ParameterGroup>& groups, const weights::Value& state,
                          const std::vector<std::string>& names, const std::string& where) override;
  weights::Value::Dict torch_settings() const override;
  std::int64_t bytes() const override;
  std::vector<std::string> take_messages() override { return std::exchange(messages_, {}); }
  bool moves_without_gradient() const override { return true; }
  bool clips_itself() const override { return true; }

 private:
  struct Stack {
    std::vector<Named> members;  ///< of one shape
    std::vector<bool> held;      ///< per member: it is not moved
    Tensor delta, exp_avg_sq;    ///< [N, shape…]
    /// [N, 1…], [N, 1…], [period, N, 1…]; undefined for a lone single number.
    Tensor rms, scale_exp_avg_sq, scale_grads;
    std::int64_t values() const { return members.front().tensor.numel(); }
    bool is_scalar() const { return values() == 1; }
    bool sized() const { return rms.defined(); }
  };
  struct Group {
    std::vector<Stack> stacks;
    Tensor norms;  ///< [period], undefined before the second step
    std::optional<double> threshold;
    std::optional<std::int64_t> clipped;  ///< in this period
  };
  /// Gradients (and where few, parameters) of one step.
  struct Gathered {
    Tensor p, g;                 ///< stacked; undefined where the passes run over the members themselves
    std::vector<Tensor> sums_g;  ///< the members' gradients, undefined = zero
    std::vector<double> gg, pg, pp;
  };
  Gathered gather(const Stack& stack) const;
  double clip_factor(Group& group, const std::vector<Gathered>& gathered);
  void report_period(Group& group);
  void learn_size(Stack& stack, const Tensor& p, double lr);
  void step_few(Stack& stack, Gathered& gathered, double factor, double lr);
  void step_many(Stack& stack, Gathered& gathered, double factor, double lr);
  Tensor size_step(Stack& stack, double lr);

  OptimOptions options_;
  std::vector<Group> groups_;
  std::int64_t step_ = 0;  ///< updates done
  std::vector<std::string> messages_;
};

}  // namespace timbre::train
