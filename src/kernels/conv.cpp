#include "kernels/conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "kernels/product.h"
#include "kernels/tile.h"

namespace timbre::kernels {
namespace {

void expect_sizes(const char* what, std::size_t weights, std::size_t bias, std::int64_t outputs, std::int64_t inputs,
                  std::int64_t taps) {
  const auto numbers = static_cast<std::size_t>(outputs * inputs * taps);
  if (outputs <= 0 || inputs <= 0 || taps <= 0 || weights != numbers ||
      (bias != 0 && bias != static_cast<std::size_t>(outputs)))
    throw std::invalid_argument(fmt::format("{}: {} weights and {} biases for {} outputs, {} inputs, {} taps", what,
                                            weights, bias, outputs, inputs, taps));
}

Product product_of(const float* x, std::int64_t length, const Packed& w, float* y, const Finish& finish) {
  Product p;
  p.x = x;
  p.length = length;
  p.x_row = p.inputs = w.inputs();
  p.panels = w.panel(0);
  p.few = w.few();
  p.bias = w.bias();
  p.outputs = p.y_row = w.outputs();
  p.taps = w.taps();
  p.y = y;
  p.finish = finish;
  return p;
}

}  // namespace

Packed::Packed(std::span<const float> weights_OIK, std::span<const float> bias_O, std::int64_t outputs,
               std::int64_t inputs, std::int64_t taps)
    : outputs_(outputs), inputs_(inputs), taps_(taps) {
  expect_sizes("Packed", weights_OIK.size(), bias_O.size(), outputs, inputs, taps);
  weights_.assign(static_cast<std::size_t>(panels() * taps * inputs * kPanel), 0.0f);
  bias_.assign(static_cast<std::size_t>(panels() * kPanel), 0.0f);
  std::copy(bias_O.begin(), bias_O.end(), bias_.begin());
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t k = 0; k < taps; ++k)
      for (std::int64_t i = 0; i < inputs; ++i)
        weights_[static_cast<std::size_t>(((o / kPanel * taps + k) * inputs + i) * kPanel + o % kPanel)] =
            weights_OIK[static_cast<std::size_t>((o * inputs + i) * taps + k)];
  if (outputs > kFew) return;
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t k = 0; k < taps; ++k)
      for (std::int64_t i = 0; i < inputs; ++i)
        few_.push_back(weights_OIK[static_cast<std::size_t>((o * inputs + i) * taps + k)]);
}

std::int64_t conv1d_rows(std::int64_t length, std::int64_t taps, const Conv& conv) {
  const std::int64_t room = length + conv.left + conv.right - (taps - 1) * conv.dilation - 1;
  return room < 0 ? 0 : room / conv.stride + 1;
}

void conv1d(const float* x_TI, std::int64_t length, const Packed& weights, const Conv& conv, float* y_TO,
            const Finish& finish) {
  Product p = product_of(x_TI, length, weights, y_TO, finish);
  p.stride = conv.stride;
  p.dilation = conv.dilation;
  p.first = -conv.left;
  p.rows = conv1d_rows(length, weights.taps(), conv);
  run_product(p);
}

void linear(const float* x_TI, std::int64_t rows, const Packed& weights, float* y_TO, const Finish& finish,
            std::int64_t x_stride, std::int64_t y_stride) {
  Product p = product_of(x_TI, rows, weights, y_TO, finish);
  p.rows = rows;
  if (x_stride) p.x_row = x_stride;
  if (y_stride) p.y_row = y_stride;
  run_product(p);
}

void matvec(const float* x_I, const Packed& weights, float* y_O, bool accumulate) {
  run_matvec({.x = x_I,
              .w = weights.panel(0),
              .inputs = weights.inputs() * weights.taps(),
              .panels = weights.panels(),
              .bias = weights.bias(),
              .y = y_O,
              .onto_y = accumulate});
}

PackedTransposed::PackedTransposed(std::span<const float> weights_IOK, std::span<const float> bias_O,
                                   std::int64_t inputs, std::int64_t outputs, std::int64_t taps, std::int64_t stride)
    : taps_(taps) {
  expect_sizes("PackedTransposed", weights_IOK.size(), bias_O.size(), outputs, inputs, taps);
  if (stride < 1) throw std::invalid_argument(fmt::format("PackedTransposed: a stride of {}", stride));
  // y[p + stride · m] = Σ_j x[m − j] w[p + stride · j]: a plain convolution a phase, its taps in reverse.
  for (std::int64_t p = 0; p < stride; ++p) {
    const std::int64_t count = std::max<std::int64_t>(1, (taps - p + stride - 1) / stride);
    std::vector<float> weights_OIK(static_cast<std::size_t>(outputs * inputs * count), 0.0f);
    for (std::int64_t j = 0; j < count && p + stride * j < taps; ++j)
      for (std::int64_t i = 0; i < inputs; ++i)
        for (std::int64_t o = 0; o < outputs; ++o)
          weights_OIK[static_cast<std::size_t>((o * inputs + i) * count + count - 1 - j)] =
              weights_IOK[static_cast<std::size_t>((i * outputs + o) * taps + p + stride * j)];
    phases_.emplace_back(weights_OIK, bias_O, outputs, inputs, count);
  }
}

std::int64_t transposed_conv1d_rows(std::int64_t length, const PackedTransposed& weights, std::int64_t left,
                                    std::int64_t right) {
  return length <= 0 ? 0 : std::max<std::int64_t>(0, (length - 1) * weights.stride() + weights.taps() - left - right);
}

void transposed_conv1d(const float* x_TI, std::int64_t length, const PackedTransposed& weights, std::int64_t left,
                       std::int64_t right, float* y_TO, const Finish& finish) {
  const std::int64_t rows = transposed_conv1d_rows(length, weights, left, right), stride = weights.stride();
  for (std::int64_t phase = 0; phase < stride; ++phase) {
    // Rows of the uncut output are phase + stride · m; the first that is kept has m = begin.
    const std::int64_t begin = left <= phase ? 0 : (left - phase + stride - 1) / stride;
    const std::int64_t at = phase + stride * begin - left;
    if (at >= rows) continue;
    const Packed& w = weights.phase(phase);
    Product p = product_of(x_TI, length, w, y_TO, finish);
    p.first = begin - (w.taps() - 1);
    p.rows = (rows - at + stride - 1) / stride;
    p.y = y_TO + at * w.outputs();
    p.y_row = stride * w.outputs();
    if (finish.add_TO) p.finish.add_TO = finish.add_TO + at * w.outputs();
    if (finish.activated_TO) p.finish.activated_TO = finish.activated_TO + at * w.outputs();
    run_product(p);
  }
}

PackedDepthwise::PackedDepthwise(std::span<const float> weights_CK, std::span<const float> bias_C,
                                 std::int64_t channels, std::int64_t taps)
    : channels_(channels), taps_(taps) {
  expect_sizes("PackedDepthwise", weights_CK.size(), bias_C.size(), channels, 1, taps);
  weights_.resize(weights_CK.size());
  bias_.assign(static_cast<std::size_t>(channels), 0.0f);
  std::copy(bias_C.begin(), bias_C.end(), bias_.begin());
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < taps; ++k)
      weights_[static_cast<std::size_t>(k * channels + c)] = weights_CK[static_cast<std::size_t>(c * taps + k)];
}

}  // namespace timbre::kernels
