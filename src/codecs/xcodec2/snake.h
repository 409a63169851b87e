#pragma once
#include <array>
#include <cstdint>

/// The acoustic encoder's activation on plain arrays: twice the rate, SnakeBeta, half the rate (Karras et al. 2021
/// §3.2; Lee et al. 2023, arXiv 2206.04658 §3.2). In one pass per channel, so that nothing at twice the rate meets
/// memory.
namespace timbre::xcodec2 {

struct SnakeFilters {
  std::array<float, 12> up, down;
};

/// out[c, t] for rows of `length` samples: x + sin²(x·frequency[c])·height[c] between the filters, both ends repeated.
/// out may be x.
void snake_rows(const float* x_CT, float* out_CT, std::int64_t rows, std::int64_t length, const float* frequency_C,
                const float* height_C, const SnakeFilters& filters);

}  // namespace timbre::xcodec2
