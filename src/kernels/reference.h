#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/attention.h"
#include "kernels/conv.h"

/// What the kernels compute, written as the formulas stand and in double precision: the tests' yardstick.
namespace timbre::kernels::reference {

using Row = std::vector<double>;

inline double activated(Activation activation, double slope, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::leaky_relu:
      return x > 0 ? x : slope * x;
    case Activation::elu:
      return x > 0 ? x : std::expm1(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

/// weights_OIK as torch's Conv1d; no Finish.
inline Row conv1d(const std::vector<float>& x_TI, std::int64_t inputs, const std::vector<float>& weights_OIK,
                  const std::vector<float>& bias_O, std::int64_t taps, const Conv& conv) {
  const auto length = static_cast<std::int64_t>(x_TI.size()) / inputs;
  const auto outputs = static_cast<std::int64_t>(weights_OIK.size()) / (inputs * taps);
  const std::int64_t rows = conv1d_rows(length, taps, conv);
  Row y(static_cast<std::size_t>(rows * outputs));
  for (std::int64_t t = 0; t < rows; ++t)
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = bias_O.empty() ? 0 : bias_O[static_cast<std::size_t>(o)];
      for (std::int64_t k = 0; k < taps; ++k) {
        const std::int64_t at = t * conv.stride + k * conv.dilation - conv.left;
        if (at < 0 || at >= length) continue;
        for (std::int64_t i = 0; i < inputs; ++i)
          sum += static_cast<double>(x_TI[static_cast<std::size_t>(at * inputs + i)]) *
                 weights_OIK[static_cast<std::size_t>((o * inputs + i) * taps + k)];
      }
      y[static_cast<std::size_t>(t * outputs + o)] = sum;
    }
  return y;
}

/// weights_IOK as torch's ConvTranspose1d: every input row adds its kernel to the output.
inline Row transposed_conv1d(const std::vector<float>& x_TI, std::int64_t inputs, const std::vector<float>& weights_IOK,
                             const std::vector<float>& bias_O, std::int64_t taps, std::int64_t stride,
                             std::int64_t left, std::int64_t right) {
  const auto length = static_cast<std::int64_t>(x_TI.size()) / inputs;
  const auto outputs = static_cast<std::int64_t>(weights_IOK.size()) / (inputs * taps);
  const std::int64_t rows = (length - 1) * stride + taps - left - right;
  Row y(static_cast<std::size_t>(rows * outputs));
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = bias_O.empty() ? 0 : static_cast<double>(bias_O[i % static_cast<std::size_t>(outputs)]);
  for (std::int64_t t = 0; t < length; ++t)
    for (std::int64_t k = 0; k < taps; ++k) {
      const std::int64_t at = t * stride + k - left;
      if (at < 0 || at >= rows) continue;
      for (std::int64_t i = 0; i < inputs; ++i)
        for (std::int64_t o = 0; o < outputs; ++o)
          y[static_cast<std::size_t>(at * outputs + o)] +=
              static_cast<double>(x_TI[static_cast<std::size_t>(t * inputs + i)]) *
              weights_IOK[static_cast<std::size_t>((i * outputs + o) * taps + k)];
    }
  return y;
}

/// q, k and v with rows of heads · width.
inline Row attention(const std::vector<float>& q_TD, const std::vector<float>& k_SD, const std::vector<float>& v_SD,
                     const Attention& a) {
  const std::int64_t d = a.heads * a.width;
  Row y(static_cast<std::size_t>(a.queries * d));
  const auto at = [d](const std::vector<float>& m, std::int64_t row, std::int64_t column) {
    return static_cast<double>(m[static_cast<std::size_t>(row * d + column)]);
  };
  for (std::int64_t h = 0; h < a.heads; ++h)
    for (std::int64_t t = 0; t < a.queries; ++t) {
      const std::int64_t seen = a.causal ? t + 1 + a.keys - a.queries : a.keys;
      Row weight(static_cast<std::size_t>(seen));
      double total = 0;
      for (std::int64_t s = 0; s < seen; ++s) {
        double score = 0;
        for (std::int64_t i = 0; i < a.width; ++i) score += at(q_TD, t, h * a.width + i) * at(k_SD, s, h * a.width + i);
        total += weight[static_cast<std::size_t>(s)] = std::exp(a.scale * score);
      }
      for (std::int64_t i = 0; i < a.width; ++i) {
        double sum = 0;
        for (std::int64_t s = 0; s < seen; ++s)
          sum += weight[static_cast<std::size_t>(s)] * at(v_SD, s, h * a.width + i);
        y[static_cast<std::size_t>(t * d + h * a.width + i)] = sum / total;
      }
    }
  return y;
}

}  // namespace timbre::kernels::reference
