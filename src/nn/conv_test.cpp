#include "nn/conv.h"

#include <ATen/Parallel.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv_transpose1d.h>
#include <gtest/gtest.h>

#include "nn/init.h"

namespace timbre::nn {
namespace {

struct Case {
  std::int64_t B, T, in, out, kernel, padding, dilation;
  bool bias;
};
const Case kCases[] = {{2, 7, 3, 5, 3, 1, 1, true},    {1, 9, 4, 2, 9, 4, 1, false}, {3, 1, 2, 3, 5, 2, 1, true},
                       {2, 20, 6, 7, 3, 4, 4, true},   {2, 5, 3, 4, 1, 0, 1, true},  {2, 8, 3, 4, 1, 1, 1, true},
                       {2, 1500, 3, 4, 5, 2, 1, true}, {1, 12, 5, 3, 4, 0, 2, false}};

/// Largest difference over the largest value: sums of the same products in another order, so a few roundings.
double difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / (b.abs().max() + 1e-12)).item<double>();
}

Tensor leaf(at::IntArrayRef shape) { return init_normal(shape, 0, 1).set_requires_grad(true); }
Tensor copy(const Tensor& x) { return x.defined() ? x.detach().clone().set_requires_grad(true) : Tensor(); }

TEST(Conv1d, AgreesWithLibTorchForwardAndBackward) {
  const InitSeed seed(7);
  for (const Case& c : kCases) {
    const Tensor x = leaf({c.B, c.T, c.in}), w = leaf({c.out, c.in, c.kernel}), b = c.bias ? leaf({c.out}) : Tensor();
    const Tensor x2 = copy(x), w2 = copy(w), b2 = copy(b);
    const Tensor y = conv1d_btc(x, w, b, c.padding, c.dilation);
    const Tensor y2 = at::conv1d(x2.transpose(1, 2), w2, c.bias ? std::optional<Tensor>(b2) : std::nullopt, {1},
                                 {c.padding}, {c.dilation})
                          .transpose(1, 2);
    ASSERT_EQ(y.sizes(), y2.sizes());
    EXPECT_LT(difference(y, y2), 2e-6) << c.kernel;
    const Tensor g = init_normal(y.sizes(), 0, 1);
    y.backward(g);
    y2.backward(g);
    EXPECT_LT(difference(x.grad(), x2.grad()), 3e-6) << c.kernel;
    EXPECT_LT(difference(w.grad(), w2.grad()), 3e-6) << c.kernel;
    if (c.bias) EXPECT_LT(difference(b.grad(), b2.grad()), 3e-6) << c.kernel;
  }
}

TEST(Conv1d, StridesAndGroupsAgreeWithLibTorch) {
  const InitSeed seed(10);
  struct Strided {
    std::int64_t B, T, in, out, kernel, padding, dilation, stride, groups;
  };
  const Strided cases[] = {{2, 17, 4, 6, 5, 2, 1, 3, 1}, {2, 50, 8, 16, 41, 20, 1, 2, 4}, {1, 16, 6, 3, 4, 1, 1, 4, 3},
                           {3, 9, 4, 4, 3, 2, 2, 2, 2},  {2, 2500, 4, 8, 7, 3, 1, 2, 2},  {1, 7, 4, 4, 1, 0, 1, 2, 1},
                           {2, 6, 3, 3, 3, 1, 1, 1, 3}};
  for (const Strided& c : cases) {
    const Tensor x = leaf({c.B, c.T, c.in}), w = leaf({c.out, c.in / c.groups, c.kernel}), b = leaf({c.out});
    const Tensor x2 = copy(x), w2 = copy(w), b2 = copy(b);
    const Tensor y = conv1d_btc(x, w, b, c.padding, c.dilation, c.stride, c.groups);
    const Tensor y2 =
        at::conv1d(x2.transpose(1, 2), w2, b2, {c.stride}, {c.padding}, {c.dilation}, c.groups).transpose(1, 2);
    ASSERT_EQ(y.sizes(), y2.sizes());
    EXPECT_LT(difference(y, y2), 2e-6) << c.kernel;
    const Tensor g = init_normal(y.sizes(), 0, 1);
    y.backward(g);
    y2.backward(g);
    EXPECT_LT(difference(x.grad(), x2.grad()), 3e-6) << c.kernel;
    EXPECT_LT(difference(w.grad(), w2.grad()), 3e-6) << c.kernel;
    EXPECT_LT(difference(b.grad(), b2.grad()), 3e-6) << c.kernel;
  }
}

TEST(Conv1d, TransposedAgreesWithLibTorch) {
  const InitSeed seed(11);
  struct Up {
    std::int64_t B, T, in, out, kernel, stride, padding, output_padding;
    bool bias;
  };
  const Up cases[] = {{2, 7, 6, 4, 16, 8, 4, 0, true},
                      {1, 1, 3, 2, 4, 2, 1, 0, true},
                      {3, 9, 4, 5, 5, 3, 0, 2, false},
                      {2, 1200, 4, 3, 4, 2, 1, 0, true}};
  for (const Up& c : cases) {
    const Tensor x = leaf({c.B, c.T, c.in}), w = leaf({c.in, c.out, c.kernel}), b = c.bias ? leaf({c.out}) : Tensor();
    const Tensor x2 = copy(x), w2 = copy(w), b2 = copy(b);
    const Tensor y = conv_transpose1d_btc(x, w, b, c.stride, c.padding, c.output_padding);
    const Tensor y2 = at::conv_transpose1d(x2.transpose(1, 2), w2, c.bias ? std::optional<Tensor>(b2) : std::nullopt,
                                           {c.stride}, {c.padding}, {c.output_padding})
                          .transpose(1, 2);
    ASSERT_EQ(y.sizes(), y2.sizes());
    EXPECT_LT(difference(y, y2), 2e-6) << c.kernel;
    const Tensor g = init_normal(y.sizes(), 0, 1);
    y.backward(g);
    y2.backward(g);
    EXPECT_LT(difference(x.grad(), x2.grad()), 3e-6) << c.kernel;
    EXPECT_LT(difference(w.grad(), w2.grad()), 3e-6) << c.kernel;
    if (c.bias) EXPECT_LT(difference(b.grad(), b2.grad()), 3e-6) << c.kernel;
  }
}

TEST(Conv1d, DepthwiseAgreesWithLibTorch) {
  const InitSeed seed(8);
  for (const Case& c : kCases) {
    for (const std::int64_t channels : {3, 16, 37, 64}) {
      const Tensor x = leaf({c.B, c.T, channels}), w = leaf({channels, 1, c.kernel}),
                   b = c.bias ? leaf({channels}) : Tensor();
      const Tensor x2 = copy(x), w2 = copy(w), b2 = copy(b);
      const Tensor y = depthwise_conv1d_btc(x, w, b, c.padding, c.dilation);
      const Tensor y2 = at::conv1d(x2.transpose(1, 2), w2, c.bias ? std::optional<Tensor>(b2) : std::nullopt, {1},
                                   {c.padding}, {c.dilation}, channels)
                            .transpose(1, 2);
      ASSERT_EQ(y.sizes(), y2.sizes());
      EXPECT_LT(difference(y, y2), 2e-6) << c.kernel << ' ' << channels;
      const Tensor g = init_normal(y.sizes(), 0, 1);
      y.backward(g);
      y2.backward(g);
      EXPECT_LT(difference(x.grad(), x2.grad()), 3e-6) << c.kernel << ' ' << channels;
      EXPECT_LT(difference(w.grad(), w2.grad()), 3e-6) << c.kernel << ' ' << channels;
      if (c.bias) EXPECT_LT(difference(b.grad(), b2.grad()), 3e-6) << c.kernel << ' ' << channels;
    }
  }
}

TEST(Conv1d, FrozenInputsGetNoGradient) {
  const Tensor x = init_normal({1, 6, 3}, 0, 1), w = leaf({4, 3, 3});
  conv1d_btc(x, w, {}, 1).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(w.grad().defined());
}

TEST(Conv1d, ThreadsChangeNothing) {
  const InitSeed seed(9);
  const Tensor x = leaf({5, 33, 20}), w = leaf({20, 1, 9});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor one = depthwise_conv1d_btc(x, w, {}, 4);
  one.sum().backward();
  const Tensor gradient = w.grad().clone();
  w.mutable_grad() = Tensor();
  at::set_num_threads(2);
  const Tensor two = depthwise_conv1d_btc(x, w, {}, 4);
  two.sum().backward();
  at::set_num_threads(before);
  EXPECT_TRUE(one.equal(two));
  EXPECT_TRUE(gradient.equal(w.grad()));
}

}  // namespace
}  // namespace timbre::nn
