#pragma once
#include <cstdint>

#include "kernels/numbers.h"

namespace timbre::kernels {

/// y[r, o] = Σ_i x[r, i] · w[i, o] for few rows: each weight is read once and in order, at the speed of memory.
struct Stream {
  const float* x = nullptr;
  std::int64_t x_row = 0, rows = 1;  ///< floats from one row to the next
  const void* w = nullptr;           ///< [panels][inputs][32], 64-byte aligned
  Numbers numbers = Numbers::f32;
  std::int64_t inputs = 0, panels = 0;
  std::int64_t panel_stride = 0;  ///< numbers from one panel to the next; 0 = 32 · inputs
  float* y = nullptr;             ///< rows of 32 · panels
  std::int64_t y_row = 0;
  bool onto_y = false;
};
void run_stream(const Stream& stream);

/// Rows of 32 numbers as bf16 → single precision.
void expand_halves(const std::uint16_t* from, std::int64_t rows, float* to);

}  // namespace timbre::kernels
