#include "nn/discriminators.h"

#include <ATen/ops/avg_pool1d.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/reflection_pad1d.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "nn/init.h"

namespace timbre::nn {
namespace {

double difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / (b.abs().max() + 1e-12)).item<double>();
}

MultiPeriodDiscriminator::Options small_periods() { return {.periods = {2, 3}, .widths = {4, 6, 8}}; }
MultiScaleDiscriminator::Options small_scales() {
  return {.scales = 2, .widths = {4, 8, 8}, .kernels = {15, 41, 5}, .strides = {1, 4, 1}, .groups = {1, 4, 1}};
}

Tensor weight_of(const Module& module, const std::string& layer) {
  Tensor g, v;
  const auto state = module.named_state();
  for (const Named& named : state) {
    if (named.name == layer + ".weight_g") g = named.tensor.detach();
    if (named.name == layer + ".weight_v") v = named.tensor.detach();
  }
  return g / v.flatten(1).square().sum(1).sqrt().view(g.sizes()) * v;
}

Tensor bias_of(const Module& module, const std::string& layer) {
  const auto state = module.named_state();
  for (const Named& named : state)
    if (named.name == layer + ".bias") return named.tensor.detach();
  throw std::logic_error(layer);
}

TEST(Discriminators, PeriodsAreTheTwoDimensionalConvolutionsOfThePaper) {
  const InitSeed seed(1);
  const MultiPeriodDiscriminator mpd(small_periods());
  const Tensor wave = init_normal({2, 100}, 0, 1);
  const auto verdicts = mpd.judge(wave);
  ASSERT_EQ(verdicts.size(), 2u);
  for (const std::int64_t period : {2, 3}) {
    const std::string at = period == 2 ? "discriminators.0." : "discriminators.1.";
    const Verdict& verdict = verdicts[static_cast<std::size_t>(period - 2)];
    Tensor x =
        period == 2 ? wave.view({2, 1, 50, 2}) : at::reflection_pad1d(wave.unsqueeze(1), {0, 2}).reshape({2, 1, 34, 3});
    for (int i = 0; i < 3; ++i) {
      const std::string layer = at + "convs." + std::to_string(i);
      x = at::leaky_relu(at::conv2d(x, weight_of(mpd, layer), bias_of(mpd, layer), {i < 2 ? 3 : 1, 1}, {2, 0}), 0.1);
      // Ours is [B·period, T, C].
      const Tensor ours = verdict.features[static_cast<std::size_t>(i)];
      const Tensor same = ours.view({2, period, ours.size(1), ours.size(2)}).permute({0, 3, 2, 1});
      EXPECT_LT(difference(same, x), 3e-6) << period << ' ' << i;
    }
    x = at::conv2d(x, weight_of(mpd, at + "conv_post"), bias_of(mpd, at + "conv_post"), {1, 1}, {1, 0});
    EXPECT_LT(difference(verdict.score, x.flatten(1)), 3e-6) << period;
  }
}

TEST(Discriminators, ScalesAverageWithTheZerosOfThePadding) {
  const InitSeed seed(2);
  const MultiScaleDiscriminator msd(small_scales());
  const Tensor wave = init_normal({2, 64}, 0, 1);
  const auto verdicts = msd.judge(wave);
  const std::string at = "discriminators.1.";
  Tensor x = at::avg_pool1d(wave.unsqueeze(1), 4, 2, 2);
  const std::int64_t paddings[] = {7, 20, 2}, strides[] = {1, 4, 1}, groups[] = {1, 4, 1};
  for (int i = 0; i < 3; ++i) {
    const std::string layer = at + "convs." + std::to_string(i);
    x = at::leaky_relu(
        at::conv1d(x, weight_of(msd, layer), bias_of(msd, layer), {strides[i]}, {paddings[i]}, {1}, groups[i]), 0.1);
    EXPECT_LT(difference(verdicts[1].features[static_cast<std::size_t>(i)].transpose(1, 2), x), 3e-6) << i;
  }
}

/// The three ways to judge agree, spectral vectors moving alike.
template <class Kind, class Options>
void expect_ways_agree(const Options& options) {
  const InitSeed seed(3);
  Kind apart(options), both(options), frozen(options), taught(options);
  for (Kind* other : {&both, &frozen, &taught}) other->load_exactly(apart.state_dict(), "test");
  const Tensor real = init_normal({2, 131}, 0, 1);
  const Tensor fake = init_normal({2, 131}, 0, 1).set_requires_grad(true), fake2 = fake.detach().clone();
  fake2.set_requires_grad(true);
  const auto r = apart.judge(real), f = apart.judge(fake);
  const auto together = both.judge_both(real, fake.detach());
  const auto parameters = frozen.named_parameters();
  for (const Named& named : parameters) named.tensor.set_requires_grad(false);
  const auto against = frozen.judge_fake_against(real, fake2);
  for (std::size_t d = 0; d < r.size(); ++d) {
    EXPECT_LT(difference(together.real[d].score, r[d].score), 5e-6);
    EXPECT_LT(difference(together.fake[d].score, f[d].score), 5e-6);
    EXPECT_LT(difference(against.fake[d].score, f[d].score), 5e-6);
    ASSERT_EQ(against.real[d].features.size(), r[d].features.size());
    for (std::size_t i = 0; i < r[d].features.size(); ++i) {
      EXPECT_LT(difference(against.real[d].features[i], r[d].features[i]), 5e-6);
      EXPECT_FALSE(against.real[d].features[i].requires_grad());
    }
  }
  const auto state = apart.state_dict();
  for (Kind* other : {&both, &frozen}) {
    const auto moved = other->state_dict();
    for (const auto& [name, tensor] : state) EXPECT_TRUE(to_torch(tensor).equal(to_torch(moved.at(name)))) << name;
  }
  discriminator_loss(together.real, together.fake).backward();
  const auto trained = both.named_parameters();
  const auto real_first = taught.judge(real), fake_then = taught.judge(fake.detach());
  discriminator_loss(real_first, fake_then).backward();
  const auto wanted = taught.named_parameters();
  ASSERT_EQ(trained.size(), wanted.size());
  for (std::size_t i = 0; i < trained.size(); ++i) {
    const Tensor gradient = wanted[i].tensor.grad();
    const double largest = gradient.abs().max().template item<double>();
    EXPECT_GT(largest, 0) << wanted[i].name;
    EXPECT_LT(difference(trained[i].tensor.grad(), gradient), 1e-4 * std::max(largest, 1e-2)) << wanted[i].name;
  }
  (generator_loss(f) + 2 * feature_loss(r, f)).backward();
  (generator_loss(against.fake) + 2 * feature_loss(against.real, against.fake)).backward();
  EXPECT_LT(difference(fake2.grad(), fake.grad()), 1e-5);
}

TEST(Discriminators, AllWaysToJudgeAgree) {
  expect_ways_agree<MultiPeriodDiscriminator>(small_periods());
  expect_ways_agree<MultiScaleDiscriminator>(small_scales());
}

TEST(AdversarialLosses, FollowTheirFormulas) {
  const auto verdict = [](std::vector<float> score, std::vector<float> feature) {
    return Verdict{at::tensor(score), {at::tensor(feature)}};
  };
  const std::vector<Verdict> real{verdict({0.5f, 2.0f}, {1, 2}), verdict({1.0f}, {0})};
  const std::vector<Verdict> fake{verdict({-0.5f, 1.0f}, {2, 4}), verdict({-3.0f}, {-1})};
  EXPECT_NEAR(discriminator_loss(real, fake).item<double>(), (0.25 + 1) / 2 + (0.25 + 1) / 2 + 0 + 9, 1e-6);
  EXPECT_NEAR(generator_loss(fake).item<double>(), (2.25 + 0) / 2 + 16, 1e-6);
  EXPECT_NEAR(feature_loss(real, fake).item<double>(), 1.5 + 1, 1e-6);
  EXPECT_NEAR(discriminator_loss(real, fake, Adversarial::kHinge).item<double>(), 0.25 + (0.5 + 2) / 2 + 0 + 0, 1e-6);
  EXPECT_NEAR(generator_loss(fake, Adversarial::kHinge).item<double>(), 1.5 / 2 + 4, 1e-6);
}

}  // namespace
}  // namespace timbre::nn
