#include "nn/windows.h"

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>
#include <cstring>

#include "nn/simd.h"
#include "nn/threads.h"

namespace timbre::nn {
namespace {

/// Row of the padded input at which output row r begins.
std::int64_t source_row(const WindowGeometry& g, std::int64_t r) {
  return r / g.out() * g.padded() + r % g.out() * g.stride;
}

}  // namespace

void copy_windows(const WindowGeometry& g, const float* x_padded, float* windows, std::int64_t first,
                  std::int64_t count) {
  parallel_ranges(count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* from = x_padded + source_row(g, first + i) * g.C;
      float* to = windows + i * g.window();
      if (g.dilation == 1) {
        std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(g.window()));
      } else {
        for (std::int64_t k = 0; k < g.K; ++k)
          std::memcpy(to + k * g.C, from + k * g.dilation * g.C, sizeof(float) * static_cast<std::size_t>(g.C));
      }
    }
  });
}

void add_windows(const WindowGeometry& g, const float* windows, float* x_padded, std::int64_t first,
                 std::int64_t count) {
  const std::int64_t from_item = first / g.out(), to_item = (first + count - 1) / g.out() + 1;
  parallel_ranges(to_item - from_item, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t r0 = std::max(first, (from_item + begin) * g.out()),
                       r1 = std::min(first + count, (from_item + end) * g.out());
    for (std::int64_t r = r0; r < r1; ++r) {
      const float* from = windows + (r - first) * g.window();
      float* to = x_padded + source_row(g, r) * g.C;
      if (g.dilation == 1) {
        simd::add(from, to, g.window());
      } else {
        for (std::int64_t k = 0; k < g.K; ++k) simd::add(from + k * g.C, to + k * g.dilation * g.C, g.C);
      }
    }
  });
}

Tensor pad_time(const Tensor& x_BTC, std::int64_t padding) {
  return padding == 0 ? x_BTC.contiguous() : at::constant_pad_nd(x_BTC, {0, 0, padding, padding});
}

}  // namespace timbre::nn
