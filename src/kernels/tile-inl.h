#pragma once
#include <cstdint>

#include "kernels/tile.h"
#include "kernels/vectors-inl.h"

/// The text of run_tile() and run_matvec() for vectors of 4, 8 or 16 floats.
namespace timbre::kernels::inl {

/// What the accumulators begin with. One question a tile, not one a vector.
template <class V, int R, int P>
TIMBRE_INLINE void begin(const Tile& t, std::int64_t row, std::int64_t column, V (&sum)[R][P]) {
  constexpr int kWidth = sizeof(V) / sizeof(float);
  const auto each = [&](const float* from, std::int64_t stride, bool first) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const V v = load<V>(from + r * stride + column + p * kWidth);
        sum[r][p] = first ? v : sum[r][p] + v;
      }
  };
  if (t.onto_y) {
    each(t.y + row * t.y_row, t.y_row, true);
    if (t.bias) each(t.bias, 0, false);
  } else if (t.bias) {
    each(t.bias, 0, true);
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) sum[r][p] = V{};
  }
  if (t.add) each(t.add + row * t.add_row, t.add_row, false);
}

template <class V, int R, int P>
TIMBRE_INLINE void finish(const Tile& t, std::int64_t row, std::int64_t column, V (&sum)[R][P]) {
  constexpr int kWidth = sizeof(V) / sizeof(float);
  const auto keep = [&](float* to, std::int64_t stride) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) store(to + r * stride + column + p * kWidth, sum[r][p]);
  };
  if (t.activated) keep(t.y + row * t.y_row, t.y_row);
  if (t.slope != 1.0f) {
    const V slope = V{} + t.slope;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const V bent = sum[r][p] * slope;
        sum[r][p] = sum[r][p] > bent ? sum[r][p] : bent;
      }
  }
  if (t.activated)
    keep(t.activated + row * t.activated_row, t.activated_row);
  else
    keep(t.y + row * t.y_row, t.y_row);
}

/// R rows × P vectors. Rows go in threes off one pointer (base, base + stride, base + 2 · stride are addresses the
/// machine forms for free); the empty asm keeps the compiler from making a pointer of its own for each row.
template <class V, int R, int P>
TIMBRE_INLINE void product(const Tile& t, std::int64_t row, std::int64_t column) {
  constexpr int kWidth = sizeof(V) / sizeof(float), kGroups = (R + 2) / 3;
  V sum[R][P];
  begin(t, row, column, sum);
  const std::int64_t stride = t.x_row * static_cast<std::int64_t>(sizeof(float));
  for (std::int64_t k = 0; k < t.taps; ++k) {
    const char* x[kGroups];
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) x[g] = reinterpret_cast<const char*>(t.x + (row + 3 * g) * t.x_row + k * t.x_tap);
    const float* w = t.w + k * t.w_tap + column;
    const auto step = [&](int offset) __attribute__((always_inline)) {
      V weight[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) weight[p] = load<V>(w + offset * kPanel + p * kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const char* at = x[r / 3] + (r % 3) * stride + offset * static_cast<int>(sizeof(float));
        const float one = *reinterpret_cast<const float*>(at);
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) sum[r][p] += weight[p] * one;
      }
    };
    const auto advance = [&](int by) __attribute__((always_inline)) {
      w += by * kPanel;
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
        x[g] += by * static_cast<int>(sizeof(float));
#if defined(__GNUC__)
        asm("" : "+r"(x[g]));
#endif
      }
    };
    std::int64_t i = 0;
    for (; i + 4 <= t.channels; i += 4) {
      step(0);
      step(1);
      step(2);
      step(3);
      advance(4);
    }
    for (; i < t.channels; ++i) {
      step(0);
      advance(1);
    }
  }
  finish(t, row, column, sum);
}

/// product() of so many rows, kMost at most.
template <class V, int P, int kMost>
TIMBRE_INLINE void rows_of(const Tile& t, std::int64_t row, std::int64_t rows, std::int64_t column) {
  if constexpr (kMost > 0) {
    if (rows == kMost) return product<V, kMost, P>(t, row, column);
    rows_of<V, P, kMost - 1>(t, row, rows, column);
  }
}

/// 32 registers of 16 floats hold 12 × 2 sums. With 16 registers 5 × 2 are left over when the weights and a row have
/// theirs (6 × 2 fit on paper and spill), so there tiles are smaller.
template <class V, int P, int kMost>
TIMBRE_INLINE void all_rows(const Tile& t, std::int64_t column) {
  // Full tiles, so that the processor learns what comes; the last two share what is left.
  std::int64_t row = 0;
  for (; t.rows - row >= 2 * kMost; row += kMost) product<V, kMost, P>(t, row, column);
  const std::int64_t left = t.rows - row, first = left > kMost ? (left + 1) / 2 : left;
  rows_of<V, P, kMost>(t, row, first, column);
  if (left > first) rows_of<V, P, kMost>(t, row + first, left - first, column);
}
TIMBRE_INLINE void tile_16(const Tile& t) {
  if (t.columns == 32)
    all_rows<V16, 2, 12>(t, 0);
  else if (t.columns == 16)
    all_rows<V16, 1, 12>(t, 0);
  else
    all_rows<V8, 1, 12>(t, 0);
}
template <class V>
TIMBRE_INLINE void tile_narrow(const Tile& t) {
  constexpr std::int64_t kColumns = 2 * sizeof(V) / sizeof(float);
  std::int64_t c = 0;
  for (; c + kColumns <= t.columns; c += kColumns) all_rows<V, 2, 5>(t, c);
  if (c < t.columns) all_rows<V, 1, 5>(t, c);
}

/// One vector: four chains of sums hide the latency of the multiply-adds.
template <class V>
TIMBRE_INLINE void matvec(const MatVec& m) {
  constexpr int kWidth = sizeof(V) / sizeof(float), kP = kPanel / kWidth < 2 ? kPanel / kWidth : 2;
  constexpr int kChains = 4;
  for (std::int64_t panel = 0; panel < m.panels; ++panel)
    for (std::int64_t column = 0; column < kPanel; column += kP * kWidth) {
      const std::int64_t at = panel * kPanel + column;
      const float* w = m.w + panel * m.inputs * kPanel + column;
      V sum[kChains][kP] = {};
#pragma GCC unroll 2
      for (int p = 0; p < kP; ++p) {
        if (m.bias) sum[0][p] = load<V>(m.bias + at + p * kWidth);
        if (m.onto_y) sum[1][p] = load<V>(m.y + at + p * kWidth);
      }
      std::int64_t i = 0;
      for (; i + kChains <= m.inputs; i += kChains, w += kChains * kPanel)
#pragma GCC unroll 4
        for (int c = 0; c < kChains; ++c)
#pragma GCC unroll 2
          for (int p = 0; p < kP; ++p) sum[c][p] += load<V>(w + c * kPanel + p * kWidth) * m.x[i + c];
      for (; i < m.inputs; ++i, w += kPanel)
#pragma GCC unroll 2
        for (int p = 0; p < kP; ++p) sum[0][p] += load<V>(w + p * kWidth) * m.x[i];
#pragma GCC unroll 2
      for (int p = 0; p < kP; ++p) store(m.y + at + p * kWidth, (sum[0][p] + sum[1][p]) + (sum[2][p] + sum[3][p]));
    }
}

}  // namespace timbre::kernels::inl
