#pragma once
#include <cstdint>

#include "kernels/stream.h"
#include "kernels/tile.h"
#include "kernels/vectors-inl.h"

/// The text of run_stream() for vectors of 4, 8 or 16 floats.
namespace timbre::kernels::inl {

template <class V>
struct Words;
template <>
struct Words<V4> {
  using Type = std::uint32_t __attribute__((vector_size(16)));
};
template <>
struct Words<V8> {
  using Type = std::uint32_t __attribute__((vector_size(32)));
};
template <>
struct Words<V16> {
  using Type = std::uint32_t __attribute__((vector_size(64)));
};

/// The 32 numbers of one row of a panel.
template <class V, int P>
TIMBRE_INLINE void row_of_panel(const float* w, V (&out)[P]) {
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) out[p] = load<V>(w + p * static_cast<int>(sizeof(V) / sizeof(float)));
}
template <class V, int P>
TIMBRE_INLINE void row_of_panel(const std::uint16_t* w, V (&out)[P]) {
  using W = typename Words<V>::Type;
#pragma GCC unroll 8
  for (int p = 0; p < P / 2; ++p) {
    W words;
    __builtin_memcpy(&words, w + p * static_cast<int>(sizeof(V) / sizeof(std::uint16_t)), sizeof words);
    out[p] = reinterpret_cast<V>(words << 16);
    out[P / 2 + p] = reinterpret_cast<V>(words & 0xffff0000u);
  }
}

/// R rows; C chains of sums for each hide the latency of the multiply-adds.
template <class V, int R, int C, class N>
TIMBRE_INLINE void stream_rows(const Stream& s, const N* weights, std::int64_t row) {
  constexpr int kWidth = sizeof(V) / sizeof(float), kP = kPanel / kWidth;
  constexpr std::int64_t kAhead = 8192 / static_cast<std::int64_t>(sizeof(N));  // numbers: two pages, measured
  const std::int64_t stride = s.panel_stride ? s.panel_stride : s.inputs * kPanel;
  const float* x = s.x + row * s.x_row;
  for (std::int64_t panel = 0; panel < s.panels; ++panel) {
    const N* w = weights + panel * stride;
    float* y = s.y + row * s.y_row + panel * kPanel;
    V sum[C][R][kP] = {};
    if (s.onto_y)
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int p = 0; p < kP; ++p) sum[0][r][p] = load<V>(y + r * s.y_row + p * kWidth);
    const auto step = [&](std::int64_t i, int chain) __attribute__((always_inline)) {
      V weight[kP];
      row_of_panel(w, weight);
      __builtin_prefetch(w + kAhead);
      if constexpr (sizeof(N) == 4) __builtin_prefetch(w + kAhead + 16);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const float one = x[r * s.x_row + i];
#pragma GCC unroll 8
        for (int p = 0; p < kP; ++p) sum[chain][r][p] += weight[p] * one;
      }
      w += kPanel;
    };
    std::int64_t i = 0;
    for (; i + C <= s.inputs; i += C)
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) step(i + c, c);
    for (; i < s.inputs; ++i) step(i, 0);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int p = 0; p < kP; ++p) {
        V all = sum[0][r][p];
#pragma GCC unroll 4
        for (int c = 1; c < C; ++c) all += sum[c][r][p];
        store(y + r * s.y_row + p * kWidth, all);
      }
  }
}

/// So many rows at once as the registers hold: 16 vectors of 16, 8 of the narrower.
template <class V, class N>
TIMBRE_INLINE void stream(const Stream& s, const N* w) {
  constexpr int kMost = sizeof(V) == 64 ? 4 : sizeof(V) == 32 ? 2 : 1, kChains = kMost;
  std::int64_t row = 0;
  if constexpr (kMost >= 4)
    for (; row + 4 <= s.rows; row += 4) stream_rows<V, 4, 1>(s, w, row);
  if constexpr (kMost >= 2)
    for (; row + 2 <= s.rows; row += 2) stream_rows<V, 2, kMost / 2>(s, w, row);
  for (; row < s.rows; ++row) stream_rows<V, 1, kChains>(s, w, row);
}
template <class V>
TIMBRE_INLINE void stream(const Stream& s) {
  if (s.numbers == Numbers::f32)
    stream<V>(s, static_cast<const float*>(s.w));
  else
    stream<V>(s, static_cast<const std::uint16_t*>(s.w));
}

template <class V>
TIMBRE_INLINE void expand(const std::uint16_t* from, std::int64_t rows, float* to) {
  constexpr int kWidth = sizeof(V) / sizeof(float), kP = kPanel / kWidth;
  for (std::int64_t r = 0; r < rows; ++r, from += kPanel, to += kPanel) {
    V numbers[kP];
    row_of_panel(from, numbers);
#pragma GCC unroll 8
    for (int p = 0; p < kP; ++p) store(to + p * kWidth, numbers[p]);
  }
}

}  // namespace timbre::kernels::inl
