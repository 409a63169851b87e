#include <algorithm>

#include "base/cpu_levels.h"
#include "kernels/conv.h"
#include "kernels/vectors-inl.h"

namespace timbre::kernels {
namespace {

struct Job {
  const float* x;
  const float* w_KC;
  const float* bias_C;
  float* y;
  std::int64_t length, rows, channels, taps;
  Conv conv;
};

/// Rows [from, to), all taps inside: sixteen channels at a time keep their weights in registers, four rows share them.
template <int K>
TIMBRE_INLINE void inside(const Job& j, std::int64_t from, std::int64_t to, std::int64_t wide) {
  const std::int64_t tap = j.conv.dilation * j.channels, step = j.conv.stride * j.channels;
  constexpr std::int64_t kStrip = 64;  // rows that stay in the first-level cache over all channels
  for (std::int64_t strip = from; strip < to; strip += kStrip)
    for (std::int64_t c = 0; c < wide; c += 16) {
      const std::int64_t end = std::min(to, strip + kStrip);
      inl::V16 weight[K];
#pragma GCC unroll 16
      for (int k = 0; k < K; ++k) weight[k] = inl::load<inl::V16>(j.w_KC + k * j.channels + c);
      const inl::V16 bias = inl::load<inl::V16>(j.bias_C + c);
      const float* x = j.x + (strip * j.conv.stride - j.conv.left) * j.channels + c;
      float* y = j.y + strip * j.channels + c;
      for (std::int64_t t = strip; t < end; ++t, x += step, y += j.channels) {
        inl::V16 sum = bias;
#pragma GCC unroll 16
        for (int k = 0; k < K; ++k) sum += inl::load<inl::V16>(x + k * tap) * weight[k];
        inl::store(y, sum);
      }
    }
}

TIMBRE_INLINE void one_row(const Job& j, std::int64_t t, std::int64_t from_channel) {
  const std::int64_t at = t * j.conv.stride - j.conv.left;
  float* y = j.y + t * j.channels;
  for (std::int64_t c = from_channel; c < j.channels; ++c) y[c] = j.bias_C[c];
  for (std::int64_t k = 0; k < j.taps; ++k) {
    const std::int64_t row = at + k * j.conv.dilation;
    if (row < 0 || row >= j.length) continue;
    const float *x = j.x + row * j.channels, *w = j.w_KC + k * j.channels;
    for (std::int64_t c = from_channel; c < j.channels; ++c) y[c] += x[c] * w[c];
  }
}

TIMBRE_INLINE void depthwise_body(const Job& j) {
  const Conv& v = j.conv;
  // Rows [from, to) have all their taps inside.
  const std::int64_t last = j.length - 1 + v.left - (j.taps - 1) * v.dilation;
  const std::int64_t from = std::min(j.rows, (v.left + v.stride - 1) / v.stride);
  const std::int64_t to = last < 0 ? from : std::clamp(last / v.stride + 1, from, j.rows);
  const bool known = j.taps == 3 || j.taps == 5 || j.taps == 7 || j.taps == 9 || j.taps == 11 || j.taps == 13;
  const std::int64_t wide = known ? j.channels / 16 * 16 : 0;
  switch (known ? j.taps : 0) {
    case 3:
      inside<3>(j, from, to, wide);
      break;
    case 5:
      inside<5>(j, from, to, wide);
      break;
    case 7:
      inside<7>(j, from, to, wide);
      break;
    case 9:
      inside<9>(j, from, to, wide);
      break;
    case 11:
      inside<11>(j, from, to, wide);
      break;
    case 13:
      inside<13>(j, from, to, wide);
      break;
    default:
      break;
  }
  for (std::int64_t t = 0; t < j.rows; ++t) {
    const std::int64_t done = t >= from && t < to ? wide : 0;
    if (done < j.channels) one_row(j, t, done);
  }
}
TIMBRE_FOR_EACH_CPU(void, depthwise, (const Job& j), (j))

}  // namespace

void depthwise_conv1d(const float* x_TC, std::int64_t length, const PackedDepthwise& weights, const Conv& conv,
                      float* y_TC) {
  depthwise({x_TC, weights.weights(), weights.bias(), y_TC, length, conv1d_rows(length, weights.taps(), conv),
             weights.channels(), weights.taps(), conv});
}

}  // namespace timbre::kernels
