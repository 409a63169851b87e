#include "nn/conv.h"

#include <ATen/Parallel.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv_transpose1d.h>
#include <gtest/gtest.h>

#include <functional>

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

using Conv = std::function<Tensor(const Tensor& x, const Tensor& w, const Tensor& b)>;

/// `theirs` takes x_BCT, and b_O is undefined where there is none, as in ours.
void expect_same(const Tensor& x_BTC, const Tensor& w_OCK, const Tensor& b_O, const Conv& ours, const Conv& theirs) {
  const Tensor x2 = copy(x_BTC), w2 = copy(w_OCK), b2 = copy(b_O);
  const Tensor y = ours(x_BTC, w_OCK, b_O), y2 = theirs(x2.transpose(1, 2), w2, b2).transpose(1, 2);
  ASSERT_EQ(y.sizes(), y2.sizes());
  EXPECT_LT(difference(y, y2), 2e-6);
  const Tensor g = init_normal(y.sizes(), 0, 1);
  y.backward(g);
  y2.backward(g);
  EXPECT_LT(difference(x_BTC.grad(), x2.grad()), 3e-6);
  EXPECT_LT(difference(w_OCK.grad(), w2.grad()), 3e-6);
  if (b_O.defined()) EXPECT_LT(difference(b_O.grad(), b2.grad()), 3e-6);
}

TEST(Conv1d, AgreesWithLibTorchForwardAndBackward) {
  const InitSeed seed(7);
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.kernel);
    const Tensor x = leaf({c.B, c.T, c.in}), w = leaf({c.out, c.in, c.kernel}), b = c.bias ? leaf({c.out}) : Tensor();
    expect_same(
        x, w, b, [&](auto&... xwb) { return conv1d_btc(xwb..., c.padding, c.dilation); },
        [&](auto&... xwb) { return at::conv1d(xwb..., {1}, {c.padding}, {c.dilation}); });
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
    SCOPED_TRACE(c.kernel);
    const Tensor x = leaf({c.B, c.T, c.in}), w = leaf({c.out, c.in / c.groups, c.kernel}), b = leaf({c.out});
    expect_same(
        x, w, b, [&](auto&... xwb) { return conv1d_btc(xwb..., c.padding, c.dilation, c.stride, c.groups); },
        [&](auto&... xwb) { return at::conv1d(xwb..., {c.stride}, {c.padding}, {c.dilation}, c.groups); });
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
    SCOPED_TRACE(c.kernel);
    const Tensor x = leaf({c.B, c.T, c.in}), w = leaf({c.in, c.out, c.kernel}), b = c.bias ? leaf({c.out}) : Tensor();
    expect_same(
        x, w, b, [&](auto&... xwb) { return conv_transpose1d_btc(xwb..., c.stride, c.padding, c.output_padding); },
        [&](auto&... xwb) { return at::conv_transpose1d(xwb..., {c.stride}, {c.padding}, {c.output_padding}); });
  }
}

TEST(Conv1d, DepthwiseAgreesWithLibTorch) {
  const InitSeed seed(8);
  for (const Case& c : kCases) {
    for (const std::int64_t channels : {3, 16, 37, 64}) {
      SCOPED_TRACE(testing::Message() << c.kernel << ' ' << channels);
      const Tensor x = leaf({c.B, c.T, channels}), w = leaf({channels, 1, c.kernel}),
                   b = c.bias ? leaf({channels}) : Tensor();
      expect_same(
          x, w, b, [&](auto&... xwb) { return depthwise_conv1d_btc(xwb..., c.padding, c.dilation); },
          [&](auto&... xwb) { return at::conv1d(xwb..., {1}, {c.padding}, {c.dilation}, channels); });
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
