#pragma once
#include <cstdint>

/// The inner loops of our own operators on plain arrays, compiled for several CPU levels and chosen when the program is
/// loaded. Threads and gradients are the callers' business.
namespace timbre::nn::simd {

/// Which 64-bit key and call number a mask is drawn from.
struct NoiseKey {
  std::uint64_t key = 0;
  std::uint64_t call = 0;
};

/// Numbers of one Philox batch: 16 lanes × 4 words × 2 halves.
inline constexpr std::int64_t kNoiseBlock = 128;

/// 128 uniform 16-bit numbers of block `block`: Philox 4×32-7 (Salmon et al. 2011: 7 rounds pass BigCrush).
void noise_block(NoiseKey key, std::uint64_t block, std::uint16_t* out_128);

/// out[i] = (noise[i] ≥ threshold ? x[i]·scale : 0) + (residual ? residual[i] : 0) for the elements of blocks
/// [first_block, last_block) that are below count. threshold = p·65536. out may be x.
void dropout(const float* x, const float* residual, float* out, std::int64_t count, NoiseKey key,
             std::uint32_t threshold, float scale, std::int64_t first_block, std::int64_t last_block);

/// Depthwise convolution over time, channels last, one utterance:
/// y[t, c] = bias[c] + Σ_k x[t + k·dilation - padding, c]·w[k, c]; rows outside [0, T) are zero. bias may be null.
void depthwise_forward(const float* x_TC, const float* w_KC, const float* bias_C, float* y_TC, std::int64_t length,
                       std::int64_t channels, std::int64_t kernel, std::int64_t padding, std::int64_t dilation);

/// Adds to dw[k, c] = Σ_t g[t, c]·x[t + k·dilation - padding, c].
void depthwise_weight_gradient(const float* x_TC, const float* g_TC, float* dw_KC, std::int64_t length,
                               std::int64_t channels, std::int64_t kernel, std::int64_t padding, std::int64_t dilation);

/// to[0..n) += from[0..n).
void add(const float* from, float* to, std::int64_t n);

}  // namespace timbre::nn::simd
