#pragma once
#include <cstdint>

/// The one inner loop of matrix products and convolutions: rows of time, a few at once, × one panel of output channels.
/// Blocking, padding and threads are product.cpp's business; the text for each CPU level is tile-inl.h.
namespace timbre::kernels {

/// Output channels of a panel of packed weights.
inline constexpr std::int64_t kPanel = 32;

/// y[r, o] = finish(start + Σ_k Σ_i x[r, k, i] · w[k, i, o]) for r < rows, o < columns.
/// Strides count floats.
struct Tile {
  const float* x = nullptr;
  std::int64_t x_row = 0, x_tap = 0;
  const float* w = nullptr;  ///< rows of kPanel, 64-byte aligned; those of tap k begin at w + k · w_tap
  std::int64_t w_tap = 0;
  std::int64_t taps = 0, channels = 0;
  float* y = nullptr;
  std::int64_t y_row = 0;
  std::int64_t rows = 0;
  std::int64_t columns = kPanel;  ///< 32, 16 or 8
  /// What the sum begins with: bias (null = 0), y itself, and a third array.
  const float* bias = nullptr;
  bool onto_y = false;
  const float* add = nullptr;
  std::int64_t add_row = 0;
  /// y = max(v, slope · v); with `activated`, y = v and that goes there.
  float slope = 1;
  float* activated = nullptr;
  std::int64_t activated_row = 0;
};

void run_tile(const Tile& tile);

/// y_O (32 · panels) = bias + W x for one vector: what recurrent layers do at every step. w is [panels][inputs][32].
struct MatVec {
  const float* x = nullptr;
  const float* w = nullptr;
  std::int64_t inputs = 0, panels = 0;
  const float* bias = nullptr;  ///< 32 · panels
  float* y = nullptr;           ///< 32 · panels, 64-byte aligned
  bool onto_y = false;
};
void run_matvec(const MatVec& product);

}  // namespace timbre::kernels
