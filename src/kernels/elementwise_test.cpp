#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include "kernels/attention.h"
#include "kernels/lstm.h"
#include "kernels/numbers_for_test.h"
#include "kernels/reference.h"

namespace timbre::kernels {
namespace {

using Floats = std::vector<float>;

/// The functions over a grid and beyond; 16 does not divide its size.
Floats grid(float from, float to) {
  Floats x;
  for (int i = 0; i <= 20000; ++i) x.push_back(from + (to - from) * static_cast<float>(i) / 20000);
  return x;
}

TEST(Elementwise, Exponential) {
  const Floats x = grid(-87, 88.5f);
  Floats y(x.size());
  exp(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = std::exp(static_cast<double>(x[i]));
    ASSERT_LE(std::abs(y[i] - want) / want, 2 * 6e-8) << x[i];
  }
  const Floats odd = {-1000, 1000, NAN, INFINITY, -INFINITY, 0};
  Floats out(odd.size());
  exp(odd.data(), out.data(), static_cast<std::int64_t>(odd.size()));
  EXPECT_LE(out[0], 1e-37f);
  EXPECT_EQ(out[1], INFINITY);
  EXPECT_TRUE(std::isnan(out[2]));
  EXPECT_EQ(out[3], INFINITY);
  EXPECT_LE(out[4], 1e-37f);
  EXPECT_EQ(out[5], 1.0f);
}

TEST(Elementwise, SineAndCosineOfLargePhases) {
  for (const float range : {4.0f, 300.0f, 1e6f}) {
    const Floats x = grid(-range, range);
    Floats s(x.size()), c(x.size());
    sin_cos(x.data(), s.data(), c.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_NEAR(s[i], std::sin(static_cast<double>(x[i])), 1.2e-7) << x[i];
      ASSERT_NEAR(c[i], std::cos(static_cast<double>(x[i])), 1.2e-7) << x[i];
    }
  }
}

TEST(Elementwise, Activations) {
  const Floats x = grid(-12, 12);
  for (const auto activation : {Activation::none, Activation::relu, Activation::leaky_relu, Activation::elu,
                                Activation::tanh, Activation::gelu, Activation::gelu_tanh}) {
    Floats y = x;
    activate(activation, 0.1f, y.data(), y.data(), static_cast<std::int64_t>(y.size()));
    for (std::size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(y[i], reference::activated(activation, 0.1f, static_cast<double>(x[i])),
                  5e-7 * std::max(1.0f, std::abs(x[i])))
          << static_cast<int>(activation) << " of " << x[i];
  }
  Floats y(x.size());
  sigmoid(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], 1 / (1 + std::exp(-static_cast<double>(x[i]))), 3e-7);
  Floats bad = {NAN};
  for (const auto activation : {Activation::elu, Activation::tanh, Activation::gelu, Activation::leaky_relu}) {
    activate(activation, 0.1f, bad.data(), y.data(), 1);
    EXPECT_TRUE(std::isnan(y[0]));
  }
}

TEST(Elementwise, LayerNormAndSoftmax) {
  for (const std::int64_t channels : {512, 80, 7}) {
    const std::int64_t rows = 5;
    const Floats x = numbers(rows * channels, 1, 3), gain = numbers(channels, 2), shift = numbers(channels, 3);
    Floats y(x.size()), bare(x.size()), p = x;
    layer_norm(x.data(), rows, channels, gain.data(), shift.data(), 1e-6f, y.data());
    layer_norm(x.data(), rows, channels, nullptr, nullptr, 1e-6f, bare.data());
    softmax(p.data(), rows, channels, channels);
    for (std::int64_t t = 0; t < rows; ++t) {
      double mean = 0, square = 0, total = 0;
      const float* row = x.data() + t * channels;
      for (std::int64_t c = 0; c < channels; ++c) mean += static_cast<double>(row[c]) / static_cast<double>(channels);
      for (std::int64_t c = 0; c < channels; ++c) square += std::pow(row[c] - mean, 2) / static_cast<double>(channels);
      for (std::int64_t c = 0; c < channels; ++c) total += std::exp(static_cast<double>(row[c]));
      for (std::int64_t c = 0; c < channels; ++c) {
        const auto i = static_cast<std::size_t>(t * channels + c), j = static_cast<std::size_t>(c);
        const double want = (row[c] - mean) / std::sqrt(square + 1e-6);
        ASSERT_NEAR(bare[i], want, 2e-6);
        ASSERT_NEAR(y[i], want * static_cast<double>(gain[j]) + static_cast<double>(shift[j]), 2e-6);
        ASSERT_NEAR(p[i], std::exp(static_cast<double>(row[c])) / total, 5e-7);
      }
    }
  }
}

TEST(Attention, EqualsTheFormula) {
  for (const Attention& a : {Attention{.queries = 45, .keys = 45, .heads = 2, .width = 64, .scale = 0.125f},
                             {.queries = 10, .keys = 33, .heads = 3, .width = 20, .scale = 0.3f},
                             {.queries = 17, .keys = 19, .heads = 1, .width = 40, .scale = 0.2f, .causal = true}}) {
    const std::int64_t d = a.heads * a.width;
    const Floats q = numbers(a.queries * d, 1), k = numbers(a.keys * d, 2), v = numbers(a.keys * d, 3);
    Floats out(static_cast<std::size_t>(a.queries * d), NAN);
    Aligned<float> scratch(static_cast<std::size_t>(attention_scratch(a)), NAN);
    attention(q.data(), k.data(), v.data(), d, a, out.data(), scratch.data());
    expect_near(out, reference::attention(q, k, v, a), 3e-6);
  }
}

TEST(Elementwise, NormByTheMeanSquareEqualsTheFormula) {
  for (const std::int64_t channels : {1, 15, 16, 100}) {
    const std::int64_t rows = 3;
    const Floats x = numbers(rows * channels, 1, 5), gain = numbers(channels, 2, 2);
    Floats y(x.size(), NAN), in_place = x;
    std::vector<double> want;
    for (std::int64_t t = 0; t < rows; ++t) {
      double square = 0;
      for (std::int64_t i = 0; i < channels; ++i)
        square += std::pow(static_cast<double>(x[static_cast<std::size_t>(t * channels + i)]), 2);
      for (std::int64_t i = 0; i < channels; ++i)
        want.push_back(static_cast<double>(x[static_cast<std::size_t>(t * channels + i)]) *
                       static_cast<double>(gain[static_cast<std::size_t>(i)]) /
                       std::sqrt(square / static_cast<double>(channels) + 0.3));
    }
    rms_norm(x.data(), rows, channels, gain.data(), 0.3f, y.data());
    expect_near(y, want, 3e-6);
    rms_norm(x.data(), rows, channels, gain.data(), 0.3f, in_place.data());
    EXPECT_EQ(in_place, y);
  }
}

TEST(Elementwise, GatedUnitEqualsTheFormula) {
  for (const std::int64_t n : {1, 16, 37}) {
    const Floats gate = numbers(n, 1, 20), up = numbers(n, 2, 3);
    Floats y = gate;
    std::vector<double> want;
    for (std::size_t i = 0; i < gate.size(); ++i)
      want.push_back(static_cast<double>(gate[i]) / (1 + std::exp(-static_cast<double>(gate[i]))) *
                     static_cast<double>(up[i]));
    silu_times(y.data(), up.data(), y.data(), n);
    expect_near(y, want, 1e-6 * 60);
  }
}

TEST(Lstm, EqualsTheFormula) {
  const std::int64_t inputs = 19, hidden = 37, rows = 12;
  const Floats w_ih = numbers(4 * hidden * inputs, 1, 0.4f), w_hh = numbers(4 * hidden * hidden, 2, 0.3f);
  const Floats b_ih = numbers(4 * hidden, 3), b_hh = numbers(4 * hidden, 4), x = numbers(rows * inputs, 5);
  std::vector<double> h(static_cast<std::size_t>(hidden)), c(h), want;
  for (std::int64_t t = 0; t < rows; ++t) {
    std::vector<double> gate(static_cast<std::size_t>(4 * hidden));
    for (std::size_t o = 0; o < gate.size(); ++o) {
      gate[o] = static_cast<double>(b_ih[o]) + static_cast<double>(b_hh[o]);
      for (std::size_t i = 0; i < 19; ++i)
        gate[o] += static_cast<double>(w_ih[o * 19 + i]) * x[static_cast<std::size_t>(t) * 19 + i];
      for (std::size_t i = 0; i < 37; ++i) gate[o] += static_cast<double>(w_hh[o * 37 + i]) * h[i];
    }
    const auto sigma = [](double v) { return 1 / (1 + std::exp(-v)); };
    for (std::size_t i = 0; i < 37; ++i) {
      c[i] = sigma(gate[37 + i]) * c[i] + sigma(gate[i]) * std::tanh(gate[74 + i]);
      h[i] = sigma(gate[111 + i]) * std::tanh(c[i]);
    }
    want.insert(want.end(), h.begin(), h.end());
  }
  const Lstm lstm(w_ih, w_hh, b_ih, b_hh, inputs, hidden);
  Floats state_h(37), state_c(37), y(want.size());
  Aligned<float> scratch(static_cast<std::size_t>(lstm.scratch(rows)));
  // In two parts: the state goes on.
  lstm.run(x.data(), 5, state_h.data(), state_c.data(), y.data(), scratch.data());
  lstm.run(x.data() + 5 * inputs, rows - 5, state_h.data(), state_c.data(), y.data() + 5 * hidden, scratch.data());
  expect_near(y, want, 3e-6);
}

}  // namespace
}  // namespace timbre::kernels
