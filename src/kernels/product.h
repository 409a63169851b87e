#pragma once
#include <cstdint>

#include "kernels/conv.h"

/// What conv1d, linear, transposed_conv1d and attention have in common: rows × packed panels, cut to fit the caches.
namespace timbre::kernels {

struct Product {
  const float* x = nullptr;
  std::int64_t length = 0, x_row = 0;  ///< input rows, and floats from one to the next
  const float* panels = nullptr;       ///< [panels][taps][inputs][32], 64-byte aligned
  const std::uint16_t* halves =
      nullptr;                    ///< the same as bf16 (numbers.h), for one tap and stride 1; panels is null then
  std::int64_t panel_stride = 0;  ///< numbers from one panel to the next; 0 = close together
  const float* few = nullptr;     ///< [outputs][taps][inputs] when the outputs are few
  const float* bias = nullptr;    ///< 32 · panels, or null
  std::int64_t outputs = 0, inputs = 0, taps = 1;
  std::int64_t stride = 1, dilation = 1;
  std::int64_t first = 0;  ///< input row of tap 0 for output row 0; rows outside [0, length) count as zeros
  std::int64_t rows = 0;
  float* y = nullptr;
  std::int64_t y_row = 0;  ///< floats from one output row to the next; add and activated have the same
  Finish finish;
};

void run_product(const Product& product);
/// Rows [from, to) with product.few, one dot product an output.
void run_few(const Product& product, std::int64_t from, std::int64_t to);

}  // namespace timbre::kernels
