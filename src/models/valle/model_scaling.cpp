#include "models/valle/model_scaling.h"

#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "nn/dropout.h"

namespace timbre::valle {
namespace {

constexpr double kCallsToHalve = 4000;  ///< calls after which a balancer acts half as often

/// Clamped to [0, most] as 32-bit numbers.
Tensor over(const Tensor& value_C, double limit, double gain, double most) {
  return ((value_C - limit) * gain).clamp(0, most);
}

}  // namespace

Balancer::Balancer(BalancerOptions options)
    : options_(options), count_(buffer("count", at::zeros({}, at::TensorOptions(at::kLong)))) {}

Tensor Balancer::forward(const Tensor& x_BTC) const {
  if (!x_BTC.requires_grad()) return x_BTC;
  const auto& o = options_;
  const double calls = static_cast<double>(count_.item<std::int64_t>());
  count_.add_(1);
  const double probability = std::max(o.min_probability, std::pow(0.5, 1 + calls / kCallsToHalve));
  Philox random(nn::next_noise_key());
  if (random.uniform() >= probability) return x_BTC;
  const at::NoGradGuard no_grad;
  const Tensor x = x_BTC.detach().flatten(0, -2), positive = x > 0;
  const Tensor share_C = positive.to(at::kFloat).mean(0), size_C = x.abs().mean(0).to(at::kFloat);
  const double sign = o.sign_gain / probability, scale = o.scale_gain / probability;
  const Tensor sign_C = over(-share_C, -o.min_positive, sign / o.min_positive, o.most) -
                        over(share_C, o.max_positive, sign / (1 - o.max_positive), o.most);
  const Tensor scale_C =
      over(-size_C, -o.min_abs, scale / o.min_abs, o.most) - over(size_C, o.max_abs, scale / o.max_abs, o.most);
  const Tensor factor =
      (sign_C + scale_C * (positive.to(at::kFloat) - 0.5)).view(x_BTC.sizes()).to(x_BTC.scalar_type());
  const at::AutoGradMode grad(true);
  const Tensor same = x_BTC.view(x_BTC.sizes());
  same.register_hook([factor](const Tensor& gradient) { return gradient - gradient.abs() * factor; });
  return same;
}

Tensor double_swish(const Tensor& x) { return x * at::sigmoid(x - 1.0); }

Tensor basic_norm(const Tensor& x_BTD, const Tensor& log_eps, bool training) {
  Tensor eps = log_eps;
  if (training && Philox(nn::next_noise_key()).uniform() < 0.25) eps = eps.clamp(-3.0, 3.0);
  return x_BTD * at::rsqrt((x_BTD * x_BTD).mean(-1, true) + eps.exp());
}

}  // namespace timbre::valle
