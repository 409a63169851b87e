#include "nn/fsq.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "nn/init.h"

namespace timbre::nn {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Fsq, RoundsToItsCodebook) {
  const Fsq fsq(3, {.levels = {4, 5, 7}});
  const Tensor z_BTK = init_uniform({2, 50, 3}, -4, 4);
  const auto result = fsq.forward(z_BTK);
  EXPECT_EQ(fsq.vectors(result.codes_BT).sub(result.vectors_BTK).abs().max().item<double>(), 0);
  // Against the definition, number by number.
  const auto bounded = result.bounded_BTK.select(2, 1);
  for (std::int64_t t = 0; t < 50; ++t) {
    const double z = z_BTK[1][t][1].item<double>();
    EXPECT_NEAR(bounded[1][t].item<double>(), std::tanh(z) * 2 * 1.001, 1e-6);
    EXPECT_EQ(result.codes_BT[1][t].item<std::int64_t>() / 4 % 5,
              static_cast<std::int64_t>(std::nearbyint(std::tanh(z) * 2 * 1.001)) + 2);
  }
  EXPECT_GT(result.codes_BT.max().item<std::int64_t>(), 100);
  EXPECT_FALSE(z_BTK.equal(result.vectors_BTK));
}

TEST(Fsq, BoundsOfFourLevelsTwice) {
  // Thresholds of the twice bounded digit, from inverting b(b(z)) at -1.5, -0.5 and 0.5.
  const Fsq fsq(1, {.levels = {4}, .bounds = 2});
  const auto digit = [&](double z) { return fsq.encode(at::tensor({z}).view({1, 1, 1})).item<std::int64_t>(); };
  EXPECT_EQ(digit(-0.8100), 0);
  EXPECT_EQ(digit(-0.8090), 1);
  EXPECT_EQ(digit(-0.2440), 1);
  EXPECT_EQ(digit(-0.2430), 2);
  EXPECT_EQ(digit(0), 2);
  EXPECT_EQ(digit(0.4075), 2);
  EXPECT_EQ(digit(0.4085), 3);
  const Fsq once(1, {.levels = {4}});
  EXPECT_EQ(once.encode(at::tensor({-0.81}).view({1, 1, 1})).item<std::int64_t>(), 1);
}

TEST(Fsq, GradientPassesTheRoundingStraightThrough) {
  const Fsq fsq(2, {.levels = {4, 5}, .bounds = 1});
  Tensor z_BTK = init_uniform({1, 20, 2}, -2, 2).requires_grad_(true);
  const auto result = fsq.forward(z_BTK);
  const Tensor weight = init_uniform({1, 20, 2}, -1, 1);
  (result.out_BTD * weight).sum().backward();
  for (std::int64_t t = 0; t < 20; ++t) {
    for (std::int64_t k = 0; k < 2; ++k) {
      const double half = k == 0 ? 1.5 * 1.001 : 2 * 1.001, offset = k == 0 ? 0.5 : 0, width = 2;
      const double inside = std::tanh(z_BTK[0][t][k].item<double>() + std::atanh(offset / half));
      const double want = weight[0][t][k].item<double>() * (1 - inside * inside) * half / width;
      EXPECT_NEAR(z_BTK.grad()[0][t][k].item<double>(), want, 2e-6);
    }
  }
  // Training sees the values that decoding gives.
  EXPECT_TRUE(result.out_BTD.detach().equal(fsq.decode(result.codes_BT)));
}

TEST(Fsq, ProjectionsAreLearnedAndNamed) {
  const Fsq fsq(12, {.levels = {8, 5, 5, 5}});
  const auto state = fsq.state_dict();
  EXPECT_THAT(state.names(),
              testing::ElementsAre("project_in.weight", "project_in.bias", "project_out.weight", "project_out.bias"));
  const auto result = fsq.forward(init_uniform({1, 4, 12}, -1, 1));
  EXPECT_EQ(result.out_BTD.sizes(), at::IntArrayRef({1, 4, 12}));
  result.out_BTD.sum().backward();
  for (const auto& [name, tensor] : fsq.named_parameters()) EXPECT_TRUE(tensor.grad().defined()) << name;
}

TEST(Fsq, CodesOutOfRangeAreNamed) {
  const Fsq fsq(2, {.levels = {4, 4}});
  EXPECT_THAT(
      [&] {
        fsq.decode(at::tensor({3, 16, -1}, at::kLong));
      },
      ThrowsMessage<DataError>(HasSubstr("code 16 at position 1 is out of range")));
  EXPECT_THROW(Fsq(2, {.levels = {4, 1}}), UsageError);
  EXPECT_THROW(Fsq(2, {.levels = {4, 4}, .bounds = 0}), UsageError);
  EXPECT_EQ(fsq.decode(at::arange(16, at::kLong)).sizes(), at::IntArrayRef({16, 2}));
}

}  // namespace
}  // namespace timbre::nn
