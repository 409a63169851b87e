#pragma once
#include "nn/module.h"

/// What scaling_xformers brings (icefall's Reworked Conformer): activations that keep themselves in range by changing
/// gradients at random, never values. Draws come from nn::NoiseScope.
namespace timbre::valle {

using nn::Tensor;

/// How a balancer pushes: shares of positive values and mean magnitudes of a channel that it leaves alone.
struct BalancerOptions {
  double min_positive = 0.05, max_positive = 0.95;
  double min_abs = 0.2, max_abs = 100.0;
  double sign_gain = 0.01, scale_gain = 0.02, most = 0.04;
  double min_probability = 0.1;
};

/// Identity forwards; backwards gradients of channels that leave the ranges are tilted by up to `most`. Buffer "count".
class Balancer : public nn::Module {
 public:
  explicit Balancer(BalancerOptions options);
  Tensor forward(const Tensor& x_BTC) const;

 private:
  BalancerOptions options_;
  mutable Tensor count_;
};

/// x · sigmoid(x − 1).
Tensor double_swish(const Tensor& x);

/// x / √(mean x² + e^eps); in training eps is held to [−3, 3] in a quarter of the calls.
Tensor basic_norm(const Tensor& x_BTD, const Tensor& log_eps, bool training);

}  // namespace timbre::valle
