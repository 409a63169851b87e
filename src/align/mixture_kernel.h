#pragma once
#include <cstdint>

namespace timbre::align::kernel {

inline constexpr std::int64_t kLanes = 16;

/// Scores one mixture on one block of kLanes frames: out[k] = ln Σ_g exp(constant_g + Σ_d x_d(linear_d +
/// x_d·square_d)). x_DK: width × kLanes; constant: [gaussians]; terms: [gaussians, width, 2]. Chosen at run time for
/// the CPU.
void score_block(const float* x_DK, std::int64_t width, const float* constant, const float* terms,
                 std::int64_t gaussians, float* out);

}  // namespace timbre::align::kernel
