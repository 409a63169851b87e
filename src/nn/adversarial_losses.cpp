#include "nn/adversarial_losses.h"

#include <ATen/ops/l1_loss.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/relu.h>

namespace timbre::nn {
namespace {

Tensor distance_from_real(const Tensor& score, Adversarial kind) {
  return kind == Adversarial::kHinge ? at::relu(1 - score).mean() : (1 - score).square().mean();
}

Tensor distance_from_fake(const Tensor& score, Adversarial kind) {
  return kind == Adversarial::kHinge ? at::relu(1 + score).mean() : score.square().mean();
}

void expect_pairs(const std::vector<Verdict>& real, const std::vector<Verdict>& fake) {
  if (real.empty() || real.size() != fake.size())
    throw std::logic_error("adversarial losses: verdicts of different discriminators");
}

}  // namespace

Tensor discriminator_loss(const std::vector<Verdict>& real, const std::vector<Verdict>& fake, Adversarial kind) {
  expect_pairs(real, fake);
  Tensor total;
  for (std::size_t d = 0; d < real.size(); ++d) {
    const Tensor part = distance_from_real(real[d].score, kind) + distance_from_fake(fake[d].score, kind);
    total = total.defined() ? total + part : part;
  }
  return total;
}

Tensor generator_loss(const std::vector<Verdict>& fake, Adversarial kind) {
  expect_pairs(fake, fake);
  Tensor total;
  for (const Verdict& verdict : fake) {
    const Tensor part = distance_from_real(verdict.score, kind);
    total = total.defined() ? total + part : part;
  }
  return total;
}

Tensor feature_loss(const std::vector<Verdict>& real, const std::vector<Verdict>& fake) {
  expect_pairs(real, fake);
  Tensor total;
  for (std::size_t d = 0; d < real.size(); ++d)
    for (std::size_t layer = 0; layer < real[d].features.size(); ++layer) {
      const Tensor part = at::l1_loss(fake[d].features[layer], real[d].features[layer].detach());
      total = total.defined() ? total + part : part;
    }
  return total;
}

}  // namespace timbre::nn
