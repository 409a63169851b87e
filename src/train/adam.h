#pragma once
#include "train/shares.h"

/// Adam and AdamW in one fused pass over all parameters (Kingma & Ba 2015; Loshchilov & Hutter 2019), as LibTorch's
/// at::_fused_adam(w)_ computes them; Eve as lifeiteng/vall-e's trainer has it (AdamW whose decay is on while the
/// tensor's RMS is above target_rms, and is not multiplied by the rate).
namespace timbre::train {

/// Both keep "exp_avg", "exp_avg_sq" and "step" of each parameter ("m.", "v.", "step." in our checkpoints).
class Adam : public UpdateRule {
 public:
  /// With `shares` this rank keeps the moments of its share alone, as rows, and step() moves that share alone; the
  /// others' numbers come by Shares::exchange(). It must outlive the rule.
  Adam(OptimOptions options, const std::vector<ParameterGroup>& groups, const Shares* shares = nullptr);
  void step(const std::vector<ParameterGroup>& groups, double lr) override;
  void save(const std::vector<ParameterGroup>& groups, weights::TensorMap& to) const override;
  void load(const std::vector<ParameterGroup>& groups, const weights::TensorMap& from, std::int64_t steps,
            const std::string& where) override;
  weights::Value torch_state(const std::vector<ParameterGroup>& groups,
                             const std::vector<std::string>& names) const override;
  std::int64_t load_torch(const std::vector<ParameterGroup>& groups, const weights::Value& state,
                          const std::vector<std::string>& names, const std::string& where) override;
  weights::Value::Dict torch_settings() const override;
  std::int64_t bytes() const override;
  bool clips_itself() const override { return options_.kind == "eve"; }

 private:
  struct State {
    std::vector<Tensor> m, v;  ///< shaped as the parameters, or rows of their shares
    std::vector<Tensor> step;  ///< how often each parameter was updated (as the fused operator wants it)
  };
  void seen(std::size_t group, std::size_t parameter);
  void step_adam(const std::vector<ParameterGroup>& groups, std::size_t group, double rate, bool decayed);
  void step_eve(const std::vector<ParameterGroup>& groups, std::size_t group, double rate);
  /// What this rank keeps of a tensor that is shaped as the parameter: all of it, or its share.
  Tensor kept(const Tensor& whole, std::size_t group, std::size_t parameter) const;
  Tensor whole(const Tensor& kept, const Named& named, std::size_t group, std::size_t parameter) const;
  OptimOptions options_;
  const Shares* shares_;
  std::vector<State> states_;
  std::vector<std::pair<std::size_t, std::size_t>> order_;  ///< (group, parameter) as they had their first gradient
};

}  // namespace timbre::train
