#pragma once
#include "nn/shapes.h"

/// A convolution over time on [B, T, C] as copied windows and matrix products: what conv.cpp and conv_transpose.cpp
/// share.
namespace timbre::nn {

/// Sizes of one convolution. `T` counts the input rows before padding.
struct WindowGeometry {
  std::int64_t B, T, C, O, K, padding, dilation, stride = 1;
  std::int64_t padded() const { return T + 2 * padding; }
  std::int64_t out() const { return (padded() - (K - 1) * dilation - 1) / stride + 1; }
  std::int64_t rows() const { return B * out(); }
  std::int64_t window() const { return K * C; }
};

/// Rows of one copy-and-multiply round: windows and products stay in the second-level cache (measured best of 256,
/// 1200, all).
inline constexpr std::int64_t kWindowRows = 1024;

/// Windows of output rows [first, first + count) of x_padded [B, T + 2·padding, C] → [count, K·C].
void copy_windows(const WindowGeometry& g, const float* x_padded, float* windows, std::int64_t first,
                  std::int64_t count);

/// The opposite: adds every window back to where it came from. Utterances are split over threads, so no two of them
/// write one row and the order of additions is fixed.
void add_windows(const WindowGeometry& g, const float* windows, float* x_padded, std::int64_t first,
                 std::int64_t count);

/// Contiguous, with `padding` rows of zeros at both ends.
Tensor pad_time(const Tensor& x_BTC, std::int64_t padding);

}  // namespace timbre::nn
