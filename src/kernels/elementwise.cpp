#include "kernels/elementwise.h"

#include <algorithm>
#include <cmath>

#include "base/cpu_levels.h"
#include "kernels/functions-inl.h"

#define TIMBRE_LAMBDA __attribute__((always_inline))

namespace timbre::kernels {
namespace {

using inl::V16;
using inl::V8;

/// y[i] = f(x[i]); what is left over goes through one padded vector.
template <class F>
TIMBRE_INLINE void map(const float* x, float* y, std::int64_t n, const F& f) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) inl::store(y + i, f(inl::load<V16>(x + i)));
  if (i == n) return;
  float part[16] = {};
  std::copy(x + i, x + n, part);
  inl::store(part, f(inl::load<V16>(part)));
  std::copy(part, part + (n - i), y + i);
}

/// Rows of n numbers, `stride` floats from one to the next.
struct Rows {
  std::int64_t rows, n, stride;
};
template <class F>
TIMBRE_INLINE void map_rows(const float* x, float* y, const Rows& r, const F& f) {
  for (std::int64_t t = 0; t < r.rows; ++t) map(x + t * r.stride, y + t * r.stride, r.n, f);
}

TIMBRE_INLINE void exp_of_body(const float* x, float* y, std::int64_t n) {
  map(x, y, n, [](const V16& v) TIMBRE_LAMBDA { return inl::exp(v); });
}
TIMBRE_FOR_EACH_CPU(void, exp_of, (const float* x, float* y, std::int64_t n), (x, y, n))

TIMBRE_INLINE void tanh_of_body(const float* x, float* y, const Rows& r) {
  map_rows(x, y, r, [](const V16& v) TIMBRE_LAMBDA { return inl::tanh(v); });
}
TIMBRE_FOR_EACH_CPU(void, tanh_of, (const float* x, float* y, const Rows& r), (x, y, r))

TIMBRE_INLINE void sigmoid_of_body(const float* x, float* y, std::int64_t n) {
  map(x, y, n, [](const V16& v) TIMBRE_LAMBDA { return inl::sigmoid(v); });
}
TIMBRE_FOR_EACH_CPU(void, sigmoid_of, (const float* x, float* y, std::int64_t n), (x, y, n))

TIMBRE_INLINE void gelu_of_body(const float* x, float* y, const Rows& r) {
  map_rows(x, y, r, [](const V16& v) TIMBRE_LAMBDA { return inl::gelu(v); });
}
TIMBRE_FOR_EACH_CPU(void, gelu_of, (const float* x, float* y, const Rows& r), (x, y, r))

TIMBRE_INLINE void gelu_tanh_of_body(const float* x, float* y, const Rows& r) {
  map_rows(x, y, r, [](const V16& v) TIMBRE_LAMBDA { return inl::gelu_tanh(v); });
}
TIMBRE_FOR_EACH_CPU(void, gelu_tanh_of, (const float* x, float* y, const Rows& r), (x, y, r))

TIMBRE_INLINE void elu_of_body(const float* x, float* y, const Rows& r) {
  map_rows(x, y, r, [](const V16& v) TIMBRE_LAMBDA { return inl::elu(v); });
}
TIMBRE_FOR_EACH_CPU(void, elu_of, (const float* x, float* y, const Rows& r), (x, y, r))

TIMBRE_INLINE void leaky_of_body(const float* x, float* y, const Rows& r, float slope) {
  map_rows(x, y, r, [slope](const V16& v) TIMBRE_LAMBDA { return v > 0.0f ? v : v * slope; });
}
TIMBRE_FOR_EACH_CPU(void, leaky_of, (const float* x, float* y, const Rows& r, float slope), (x, y, r, slope))

TIMBRE_INLINE void sin_cos_of_body(const float* x, float* sin, float* cos, std::int64_t n) {
  V8 sine, cosine;
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    inl::sin_cos(inl::load<V8>(x + i), sine, cosine);
    inl::store(sin + i, sine);
    inl::store(cos + i, cosine);
  }
  if (i == n) return;
  float in[8] = {};
  std::copy(x + i, x + n, in);
  inl::sin_cos(inl::load<V8>(in), sine, cosine);
  for (std::int64_t j = 0; i < n; ++i, ++j) {
    sin[i] = sine[j];
    cos[i] = cosine[j];
  }
}
TIMBRE_FOR_EACH_CPU(void, sin_cos_of, (const float* x, float* sin, float* cos, std::int64_t n), (x, sin, cos, n))

TIMBRE_INLINE void add_to_body(const float* from, float* to, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) inl::store(to + i, V16(inl::load<V16>(to + i) + inl::load<V16>(from + i)));
  for (; i < n; ++i) to[i] += from[i];
}
TIMBRE_FOR_EACH_CPU(void, add_to, (const float* from, float* to, std::int64_t n), (from, to, n))

TIMBRE_INLINE void scale_to_body(float* to, float factor, float offset, std::int64_t n) {
  map(to, to, n, [=](const V16& v) TIMBRE_LAMBDA { return v * factor + offset; });
}
TIMBRE_FOR_EACH_CPU(void, scale_to, (float* to, float factor, float offset, std::int64_t n), (to, factor, offset, n))

/// Σ f(x[i]) in sixteen partial sums.
template <class F>
TIMBRE_INLINE float sum_of(const float* x, std::int64_t n, const F& f) {
  V16 sums = {};
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) sums += f(inl::load<V16>(x + i));
  float part[16];
  inl::store(part, sums);
  float sum = 0;
  for (const float p : part) sum += p;
  for (; i < n; ++i) sum += f(V16{} + x[i])[0];
  return sum;
}

TIMBRE_INLINE void layer_norm_of_body(const float* x, std::int64_t rows, std::int64_t channels, const float* gain,
                                      const float* shift, float eps, float* y) {
  const auto n = static_cast<float>(channels);
  for (std::int64_t t = 0; t < rows; ++t, x += channels, y += channels) {
    const float mean = sum_of(x, channels, [](const V16& v) TIMBRE_LAMBDA { return v; }) / n;
    const auto square = [mean](const V16& v) TIMBRE_LAMBDA { return (v - mean) * (v - mean); };
    const float factor = 1.0f / std::sqrt(sum_of(x, channels, square) / n + eps);
    std::int64_t i = 0;
    for (; i + 16 <= channels; i += 16) {
      V16 v = (inl::load<V16>(x + i) - mean) * factor;
      if (gain) v = v * inl::load<V16>(gain + i) + inl::load<V16>(shift + i);
      inl::store(y + i, v);
    }
    for (; i < channels; ++i) {
      const float v = (x[i] - mean) * factor;
      y[i] = gain ? v * gain[i] + shift[i] : v;
    }
  }
}
TIMBRE_FOR_EACH_CPU(void, layer_norm_of,
                    (const float* x, std::int64_t rows, std::int64_t channels, const float* gain, const float* shift,
                     float eps, float* y),
                    (x, rows, channels, gain, shift, eps, y))

TIMBRE_INLINE void rms_norm_of_body(const float* x, std::int64_t rows, std::int64_t channels, const float* gain,
                                    float eps, float* y) {
  for (std::int64_t t = 0; t < rows; ++t, x += channels, y += channels) {
    const float square = sum_of(x, channels, [](const V16& v) TIMBRE_LAMBDA { return v * v; });
    const float factor = 1.0f / std::sqrt(square / static_cast<float>(channels) + eps);
    std::int64_t i = 0;
    for (; i + 16 <= channels; i += 16) inl::store(y + i, inl::load<V16>(x + i) * factor * inl::load<V16>(gain + i));
    for (; i < channels; ++i) y[i] = x[i] * factor * gain[i];
  }
}
TIMBRE_FOR_EACH_CPU(void, rms_norm_of,
                    (const float* x, std::int64_t rows, std::int64_t channels, const float* gain, float eps, float* y),
                    (x, rows, channels, gain, eps, y))

TIMBRE_INLINE void silu_times_of_body(const float* gate, const float* up, float* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const V16 g = inl::load<V16>(gate + i);
    inl::store(y + i, g * inl::sigmoid(g) * inl::load<V16>(up + i));
  }
  if (i == n) return;
  float part[16] = {};
  std::copy(gate + i, gate + n, part);
  const V16 g = inl::load<V16>(part);
  inl::store(part, g * inl::sigmoid(g));
  for (std::int64_t k = 0; i < n; ++i, ++k) y[i] = part[k] * up[i];
}
TIMBRE_FOR_EACH_CPU(void, silu_times_of, (const float* gate, const float* up, float* y, std::int64_t n),
                    (gate, up, y, n))

TIMBRE_INLINE float most_of(const float* x, std::int64_t n) {
  V16 most = V16{} + x[0];
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const V16 v = inl::load<V16>(x + i);
    most = v > most ? v : most;
  }
  float part[16];
  inl::store(part, most);
  float all = part[0];
  for (const float p : part) all = p > all ? p : all;
  for (; i < n; ++i) all = x[i] > all ? x[i] : all;
  return all;
}

TIMBRE_INLINE void softmax_row_body(float* x, std::int64_t n) {
  const float most = most_of(x, n);
  V16 sums = {};
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const V16 e = inl::exp(inl::load<V16>(x + i) - most);
    inl::store(x + i, e);
    sums += e;
  }
  map(x + i, x + i, n - i, [most](const V16& v) TIMBRE_LAMBDA { return inl::exp(v - most); });
  float part[16];
  inl::store(part, sums);
  float sum = 0;
  for (const float p : part) sum += p;
  for (; i < n; ++i) sum += x[i];
  const float factor = 1.0f / sum;
  map(x, x, n, [factor](const V16& v) TIMBRE_LAMBDA { return v * factor; });
}
TIMBRE_FOR_EACH_CPU(void, softmax_row, (float* x, std::int64_t n), (x, n))

}  // namespace

void exp(const float* x, float* y, std::int64_t n) { exp_of(x, y, n); }
void sin_cos(const float* x, float* sin, float* cos, std::int64_t n) { sin_cos_of(x, sin, cos, n); }
void tanh(const float* x, float* y, std::int64_t n) { tanh_of(x, y, {1, n, n}); }
void sigmoid(const float* x, float* y, std::int64_t n) { sigmoid_of(x, y, n); }

void activate_rows(Activation activation, float slope, const float* x, float* y, std::int64_t rows, std::int64_t n,
                   std::int64_t stride) {
  const Rows all{rows, n, stride};
  switch (activation) {
    case Activation::none:
      for (std::int64_t t = 0; x != y && t < rows; ++t) std::copy_n(x + t * stride, n, y + t * stride);
      return;
    case Activation::relu:
      return leaky_of(x, y, all, 0.0f);
    case Activation::leaky_relu:
      return leaky_of(x, y, all, slope);
    case Activation::elu:
      return elu_of(x, y, all);
    case Activation::tanh:
      return tanh_of(x, y, all);
    case Activation::gelu:
      return gelu_of(x, y, all);
    case Activation::gelu_tanh:
      return gelu_tanh_of(x, y, all);
  }
}
void activate(Activation activation, float slope, const float* x, float* y, std::int64_t n) {
  activate_rows(activation, slope, x, y, 1, n, n);
}

void add(const float* from, float* to, std::int64_t n) { add_to(from, to, n); }
void scale(float* to, float factor, float offset, std::int64_t n) { scale_to(to, factor, offset, n); }

void layer_norm(const float* x_TC, std::int64_t rows, std::int64_t channels, const float* gain_C, const float* shift_C,
                float eps, float* y_TC) {
  layer_norm_of(x_TC, rows, channels, gain_C, shift_C, eps, y_TC);
}

void rms_norm(const float* x_TC, std::int64_t rows, std::int64_t channels, const float* gain_C, float eps,
              float* y_TC) {
  rms_norm_of(x_TC, rows, channels, gain_C, eps, y_TC);
}
void silu_times(const float* gate, const float* up, float* y, std::int64_t n) { silu_times_of(gate, up, y, n); }

void softmax(float* x_TC, std::int64_t rows, std::int64_t channels, std::int64_t stride) {
  if (channels <= 0) return;
  for (std::int64_t t = 0; t < rows; ++t) softmax_row(x_TC + t * stride, channels);
}

}  // namespace timbre::kernels
