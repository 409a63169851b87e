#include <algorithm>

#include "base/cpu_levels.h"
#include "kernels/elementwise.h"
#include "kernels/product.h"
#include "kernels/vectors-inl.h"

namespace timbre::kernels {
namespace {

using inl::V16;
using inl::V8;

TIMBRE_INLINE float total(const V16& v) {
  float part[16];
  inl::store(part, v);
  const V8 half = inl::load<V8>(part) + inl::load<V8>(part + 8);
  return ((half[0] + half[4]) + (half[1] + half[5])) + ((half[2] + half[6]) + (half[3] + half[7]));
}

/// R rows of one output, whose taps [first, last) are all inside; rows share the loads of the weights.
template <int R>
TIMBRE_INLINE void dots(const Product& p, const float* x, const float* w_KI, std::int64_t first, std::int64_t last,
                        float* out) {
  V16 sum[R] = {};
  float rest[R] = {};
  const std::int64_t step = p.stride * p.x_row;
  for (std::int64_t k = first; k < last; ++k) {
    const float *from = x + k * p.dilation * p.x_row, *w = w_KI + k * p.inputs;
    std::int64_t i = 0;
    for (; i + 16 <= p.inputs; i += 16) {
      const V16 weight = inl::load<V16>(w + i);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sum[r] += inl::load<V16>(from + r * step + i) * weight;
    }
    for (; i < p.inputs; ++i)
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) rest[r] += from[r * step + i] * w[i];
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) out[r] = total(sum[r]) + rest[r];
}

TIMBRE_INLINE void output_body(const Product& p, std::int64_t o, std::int64_t from, std::int64_t to) {
  const float* w = p.few + o * p.taps * p.inputs;
  const float bias = p.bias ? p.bias[o] : 0.0f;
  const Finish& f = p.finish;
  for (std::int64_t t = from; t < to;) {
    const std::int64_t at = p.first + t * p.stride, reach = (p.taps - 1) * p.dilation;
    float value[4];
    std::int64_t rows = 1;
    const float* x = p.x + at * p.x_row;
    if (at >= 0 && t + 4 <= to && at + 3 * p.stride + reach < p.length) {
      rows = 4;
      dots<4>(p, x, w, 0, p.taps, value);
    } else {
      const std::int64_t first = at >= 0 ? 0 : (-at + p.dilation - 1) / p.dilation;
      const std::int64_t last = at < p.length ? std::min(p.taps, (p.length - 1 - at) / p.dilation + 1) : 0;
      dots<1>(p, x, w, first, last, value);
    }
    for (std::int64_t r = 0; r < rows; ++r, ++t) {
      float* y = p.y + t * p.y_row + o;
      *y = value[r] + bias + (f.accumulate ? *y : 0.0f) + (f.add_TO ? f.add_TO[t * p.y_row + o] : 0.0f);
    }
  }
}
TIMBRE_FOR_EACH_CPU(void, output, (const Product& p, std::int64_t o, std::int64_t from, std::int64_t to),
                    (p, o, from, to))

}  // namespace

void run_few(const Product& p, std::int64_t from, std::int64_t to) {
  for (std::int64_t o = 0; o < p.outputs; ++o) output(p, o, from, to);
  const Finish& f = p.finish;
  if (f.activation == Activation::none && !f.activated_TO) return;
  float* out = f.activated_TO ? f.activated_TO : p.y;
  const std::int64_t at = from * p.y_row;
  if (p.y_row == p.outputs) return activate(f.activation, f.slope, p.y + at, out + at, (to - from) * p.y_row);
  activate_rows(f.activation, f.slope, p.y + at, out + at, to - from, p.outputs, p.y_row);
}

}  // namespace timbre::kernels
