#include "kernels/conv.h"

#include <gtest/gtest.h>

#include "base/threads.h"
#include "kernels/numbers_for_test.h"
#include "kernels/reference.h"

// Every CPU level in turn: ctest runs this file with TIMBRE_CPU=scalar and =avx2 too.
namespace timbre::kernels {
namespace {

using Floats = std::vector<float>;

struct Case {
  std::int64_t length, inputs, outputs, taps;
  Conv conv;
};

/// Sizes of HiFi-GAN, EnCodec and Vocos, and such as nothing fits: odd widths, kernels longer than the sequence.
const std::vector<Case> kCases = {
    {50, 64, 64, 3, {.left = 1, .right = 1}},
    {61, 32, 32, 11, {.dilation = 5, .left = 25, .right = 25}},
    {23, 200, 96, 7, {.dilation = 3, .left = 9, .right = 9}},
    {7, 80, 48, 7, {.left = 3, .right = 3}},
    {3, 40, 33, 11, {.dilation = 5, .left = 25, .right = 25}},
    {40, 32, 1, 7, {.left = 3, .right = 3}},
    {9, 37, 3, 5, {.dilation = 2, .stride = 2, .left = 6, .right = 5}},
    {17, 24, 8, 3, {.left = 1, .right = 1}},
    {33, 1, 20, 7, {.left = 6}},
    {64, 24, 40, 8, {.stride = 4, .left = 2, .right = 3}},
    {29, 5, 3, 4, {.dilation = 2, .stride = 3, .left = 5}},
    {13, 330, 17, 1, {}},
    {1, 16, 16, 1, {}},
};

TEST(Conv1d, EqualsTheFormula) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(::testing::Message() << c.length << " rows, " << c.inputs << " to " << c.outputs << ", " << c.taps
                                      << " taps, dilation " << c.conv.dilation << ", stride " << c.conv.stride);
    const Floats x = numbers(c.length * c.inputs, 1), w = numbers(c.outputs * c.inputs * c.taps, 2),
                 b = numbers(c.outputs, 3);
    const auto want = reference::conv1d(x, c.inputs, w, b, c.taps, c.conv);
    Floats y(want.size(), NAN);
    conv1d(x.data(), c.length, Packed(w, b, c.outputs, c.inputs, c.taps), c.conv, y.data());
    expect_near(y, want, rounding_of(c.inputs * c.taps));
  }
}

TEST(Conv1d, FinishesAsAsked) {
  for (const std::int64_t outputs : {32, 64, 16, 8, 21, 2}) {
    const std::int64_t inputs = 70, taps = 5, length = 37;
    const Conv conv{.left = 2, .right = 2};
    const Floats x = numbers(length * inputs, 1), w = numbers(outputs * inputs * taps, 2, 0.1f),
                 b = numbers(outputs, 3);
    const Floats extra = numbers(length * outputs, 4), old = numbers(length * outputs, 5);
    const Packed packed(w, b, outputs, inputs, taps);
    const auto plain = reference::conv1d(x, inputs, w, b, taps, conv);
    for (const auto activation : {Activation::none, Activation::relu, Activation::leaky_relu, Activation::elu,
                                  Activation::tanh, Activation::gelu, Activation::gelu_tanh})
      for (const bool both : {false, true}) {
        SCOPED_TRACE(::testing::Message() << outputs << " outputs, activation " << static_cast<int>(activation));
        Floats y = old, activated(old.size(), NAN);
        conv1d(x.data(), length, packed, conv, y.data(),
               {.activation = activation,
                .slope = 0.2f,
                .accumulate = true,
                .add_TO = extra.data(),
                .activated_TO = both ? activated.data() : nullptr});
        std::vector<double> sum = plain, want = plain;
        for (std::size_t i = 0; i < sum.size(); ++i) {
          sum[i] += static_cast<double>(extra[i]) + static_cast<double>(old[i]);
          want[i] = reference::activated(activation, 0.2, sum[i]);
        }
        expect_near(both ? activated : y, want, rounding_of(inputs * taps) / 3);
        if (both) expect_near(y, sum, rounding_of(inputs * taps) / 3);
      }
  }
}

TEST(Conv1d, AddsToItself) {
  const Floats x = numbers(40 * 32, 1), w = numbers(32 * 32 * 3, 2);
  const Packed packed(w, {}, 32, 32, 3);
  const Conv conv{.left = 1, .right = 1};
  Floats y = numbers(40 * 32, 6), want(y);
  const auto sum = reference::conv1d(x, 32, w, {}, 3, conv);
  for (std::size_t i = 0; i < want.size(); ++i) want[i] += static_cast<float>(sum[i]);
  conv1d(x.data(), 40, packed, conv, y.data(), {.add_TO = y.data()});
  expect_near(y, want, rounding_of(97));
}

TEST(Conv1d, ManyThreadsGiveTheSameBits) {
  const std::int64_t inputs = 256, outputs = 96, taps = 7;
  const Floats w = numbers(outputs * inputs * taps, 2), b = numbers(outputs, 3);
  const Packed packed(w, b, outputs, inputs, taps);
  for (const std::int64_t length : {400, 20}) {  // shared by rows; few rows: by panels
    const std::int64_t wide = length == 20 ? 50 : 1;
    const Floats x = numbers(length * inputs, 1);
    const Packed many = wide == 1 ? packed : Packed(numbers(wide * 96 * inputs * taps, 4), {}, wide * 96, inputs, taps);
    Floats one(static_cast<std::size_t>(length * many.outputs())), three(one);
    set_thread_count(1);
    conv1d(x.data(), length, many, {.left = 3, .right = 3}, one.data());
    set_thread_count(3);
    conv1d(x.data(), length, many, {.left = 3, .right = 3}, three.data());
    set_thread_count(0);
    EXPECT_EQ(one, three);
  }
}

TEST(Conv1d, RefusesWeightsOfAnotherSize) {
  EXPECT_THROW(Packed(Floats(10), {}, 2, 4), std::invalid_argument);
  EXPECT_THROW(Packed(Floats(8), Floats(3), 2, 4), std::invalid_argument);
}

TEST(TransposedConv1d, EqualsTheFormula) {
  struct Shape {
    std::int64_t length, inputs, outputs, taps, stride, left, right;
  };
  for (const Shape& s : {Shape{20, 64, 32, 16, 8, 4, 4},
                         {9, 33, 20, 4, 2, 1, 1},
                         {12, 16, 16, 10, 5, 0, 5},
                         {5, 8, 40, 3, 4, 0, 0},
                         {1, 8, 8, 16, 8, 4, 4},
                         {7, 6, 1, 9, 2, 4, 3}}) {
    SCOPED_TRACE(::testing::Message() << s.taps << " taps, stride " << s.stride);
    const Floats x = numbers(s.length * s.inputs, 1), w = numbers(s.inputs * s.outputs * s.taps, 2),
                 b = numbers(s.outputs, 3);
    const auto want = reference::transposed_conv1d(x, s.inputs, w, b, s.taps, s.stride, s.left, s.right);
    const PackedTransposed packed(w, b, s.inputs, s.outputs, s.taps, s.stride);
    ASSERT_EQ(transposed_conv1d_rows(s.length, packed, s.left, s.right) * s.outputs,
              static_cast<std::int64_t>(want.size()));
    Floats y(want.size(), NAN), activated(want.size(), NAN);
    transposed_conv1d(x.data(), s.length, packed, s.left, s.right, y.data(),
                      {.activation = Activation::leaky_relu, .activated_TO = activated.data()});
    expect_near(y, want, rounding_of(s.inputs * s.taps));
    std::vector<double> bent = want;
    for (double& v : bent) v = reference::activated(Activation::leaky_relu, 0.1, v);
    expect_near(activated, bent, rounding_of(s.inputs * s.taps));
  }
}

TEST(Linear, TakesStridesAndOneVector) {
  const std::int64_t rows = 19, inputs = 45, outputs = 70;
  const Floats wide = numbers(rows * 60, 1), w = numbers(outputs * inputs, 2), b = numbers(outputs, 3);
  Floats x;
  for (std::int64_t t = 0; t < rows; ++t) x.insert(x.end(), wide.begin() + t * 60, wide.begin() + t * 60 + inputs);
  const Packed packed(w, b, outputs, inputs);
  const auto want = reference::conv1d(x, inputs, w, b, 1, {});
  Floats y(static_cast<std::size_t>(rows * 80), 7.0f);
  linear(wide.data(), rows, packed, y.data(), {}, 60, 80);
  for (std::int64_t t = 0; t < rows; ++t) {
    expect_near(Floats(y.begin() + t * 80, y.begin() + t * 80 + outputs),
                std::vector<double>(want.begin() + t * outputs, want.begin() + (t + 1) * outputs), rounding_of(inputs));
    EXPECT_EQ(y[static_cast<std::size_t>(t * 80 + outputs)], 7.0f);
  }
  Aligned<float> one(96, 2.0f);
  matvec(x.data(), packed, one.data());
  expect_near(Floats(one.begin(), one.begin() + outputs), std::vector<double>(want.begin(), want.begin() + outputs),
              rounding_of(inputs));
  matvec(x.data(), packed, one.data(), true);
  std::vector<double> twice(want.begin(), want.begin() + outputs);
  for (double& v : twice) v *= 2;
  expect_near(Floats(one.begin(), one.begin() + outputs), twice, 2 * rounding_of(inputs));
}

TEST(DepthwiseConv1d, EqualsTheFormula) {
  struct Shape {
    std::int64_t length, channels, taps;
    Conv conv;
  };
  for (const Shape& s : {Shape{90, 48, 7, {.left = 3, .right = 3}},
                         {70, 37, 5, {.dilation = 2, .left = 8}},
                         {4, 20, 9, {.left = 4, .right = 4}},
                         {30, 16, 4, {.stride = 2, .left = 1, .right = 2}},
                         {30, 32, 3, {.stride = 3}}}) {
    const Floats x = numbers(s.length * s.channels, 1), w = numbers(s.channels * s.taps, 2), b = numbers(s.channels, 3);
    const std::int64_t rows = conv1d_rows(s.length, s.taps, s.conv);
    Floats y(static_cast<std::size_t>(rows * s.channels), NAN);
    depthwise_conv1d(x.data(), s.length, PackedDepthwise(w, b, s.channels, s.taps), s.conv, y.data());
    for (std::int64_t c = 0; c < s.channels; ++c) {
      Floats column, got;
      for (std::int64_t t = 0; t < s.length; ++t) column.push_back(x[static_cast<std::size_t>(t * s.channels + c)]);
      for (std::int64_t t = 0; t < rows; ++t) got.push_back(y[static_cast<std::size_t>(t * s.channels + c)]);
      const Floats taps(w.begin() + c * s.taps, w.begin() + (c + 1) * s.taps);
      expect_near(got, reference::conv1d(column, 1, taps, {b[static_cast<std::size_t>(c)]}, s.taps, s.conv), 2e-6);
    }
  }
}

}  // namespace
}  // namespace timbre::kernels
