#include "models/valle/model_attention.h"

#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include "models/valle/model_attention_blocks.h"
#include "nn/dropout.h"
#include "nn/init.h"

namespace timbre::valle {
namespace {

constexpr std::int64_t kHeads = 2, kWidth = 10;

double worst(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

/// Values and gradients of the fast way and of plain operators with a dense mask.
void expect_equal_ways(std::int64_t keys, const Attend& attend, std::int64_t first) {
  const nn::InitSeed seed(7);
  Tensor qkv = nn::init_normal({3, keys, 3 * kWidth}, 0, 1).set_requires_grad(true);
  const Tensor weigh = nn::init_normal({3, keys - first, kWidth}, 0, 1);
  const Tensor fast = blocked_self_attention(qkv, kHeads, attend, first, 0);
  (fast * weigh).sum().backward();
  const Tensor fast_gradient = qkv.grad().clone();
  qkv.mutable_grad().zero_();
  const Tensor plain =
      dense_attention(qkv.narrow(2, 0, kWidth).narrow(1, first, keys - first), qkv.narrow(2, kWidth, kWidth),
                      qkv.narrow(2, 2 * kWidth, kWidth), kHeads, attend, first, 0, true);
  (plain * weigh).sum().backward();
  EXPECT_LT(worst(fast, plain), 2e-6);                // sums of at most `keys` weights that add up to 1
  EXPECT_LT(worst(fast_gradient, qkv.grad()), 2e-5);  // as above, times sums over the queries
}

TEST(ValleAttention, CausalBlocksEqualTheDenseMask) {
  // more than two blocks of queries; text and audio padded differently; the last utterance has no padding
  expect_equal_ways(250, {.lead = 30, .lead_lens = {7, 29, 30}, .tail_lens = {101, 3, 220}, .causal = true}, 0);
  expect_equal_ways(250, {.lead = 30, .lead_lens = {7, 29, 30}, .tail_lens = {101, 3, 220}, .causal = true}, 30);
  expect_equal_ways(120, {.tail_lens = {120, 50, 1}, .causal = true}, 0);
}

TEST(ValleAttention, EverybodySeesEverythingButPadding) {
  expect_equal_ways(130, {.lead = 20, .lead_lens = {20, 4, 1}, .tail_lens = {110, 7, 60}}, 0);
  expect_equal_ways(130, {.lead = 20, .lead_lens = {20, 4, 1}, .tail_lens = {110, 7, 60}}, 45);
  expect_equal_ways(40, {}, 0);
}

TEST(ValleAttention, OverAMemory) {
  const nn::InitSeed seed(8);
  Tensor q = nn::init_normal({2, 120, kWidth}, 0, 1).set_requires_grad(true);
  Tensor kv = nn::init_normal({2, 33, 2 * kWidth}, 0, 1).set_requires_grad(true);
  const Attend attend{.tail_lens = {33, 12}};
  const Tensor weigh = nn::init_normal({2, 120, kWidth}, 0, 1);
  const Tensor fast = blocked_cross_attention(q, kv, kHeads, attend, 0);
  (fast * weigh).sum().backward();
  const Tensor dq = q.grad().clone(), dkv = kv.grad().clone();
  q.mutable_grad().zero_();
  kv.mutable_grad().zero_();
  const Tensor plain =
      dense_attention(q, kv.narrow(2, 0, kWidth), kv.narrow(2, kWidth, kWidth), kHeads, attend, 0, 0, true);
  (plain * weigh).sum().backward();
  EXPECT_LT(worst(fast, plain), 2e-6);
  EXPECT_LT(worst(dq, q.grad()), 2e-5);
  EXPECT_LT(worst(dkv, kv.grad()), 2e-5);
}

TEST(ValleAttention, GradientWithDropoutAgreesWithDifferences) {
  const Attend attend{.lead = 4, .lead_lens = {4, 3}, .tail_lens = {9, 6}, .causal = true};
  const nn::InitSeed seed(9);
  Tensor qkv = nn::init_normal({2, 13, 3 * kWidth}, 0, 1);
  const Tensor weigh = nn::init_normal({2, 13, kWidth}, 0, 1), step = nn::init_normal({2, 13, 3 * kWidth}, 0, 1);
  const auto value = [&](const Tensor& at) {
    const nn::NoiseScope same_noise(3, 1);
    return (blocked_self_attention(at, kHeads, attend, 0, 0.3) * weigh).sum();
  };
  qkv.set_requires_grad(true);
  value(qkv).backward();
  const double slope = (qkv.grad() * step).sum().item<double>();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-2;
  const double measured =
      (value(qkv + step * kStep).item<double>() - value(qkv - step * kStep).item<double>()) / (2 * kStep);
  EXPECT_NEAR(measured, slope, 5e-3 * std::abs(slope) + 1e-2);  // the third derivative times the step squared
}

TEST(ValleAttention, DropoutTakesItsShareAndKeepsTheMean) {
  const nn::InitSeed seed(10);
  const Tensor qk = nn::init_constant({1, 400, 2 * kWidth}, 0.0), v = nn::init_constant({1, 400, kWidth}, 1.0);
  const Tensor qkv = at::cat({qk, v}, 2);
  const nn::NoiseScope noise(5, 1);
  const Tensor out = blocked_self_attention(qkv, kHeads, {}, 0, 0.4);
  EXPECT_NEAR(out.mean().item<double>(), 1.0, 0.005);  // of 320,000 draws, √(0.4/0.6/320000) = 0.0014
  EXPECT_GT(out.std().item<double>(), 0.02);           // √(0.4/0.6/400) = 0.041 when each query draws its own
}

}  // namespace
}  // namespace timbre::valle
