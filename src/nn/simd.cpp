#include "nn/simd.h"

#include <algorithm>
#include <cstring>

// Vector types are lowered to what each level has; the loader picks the level once (GNU indirect functions).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TIMBRE_LEVELS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define TIMBRE_LEVELS
#endif
// Vectors cross only functions that are inlined, so no calling convention is at stake.
#pragma GCC diagnostic ignored "-Wpsabi"
#define TIMBRE_INLINE __attribute__((always_inline)) inline

namespace timbre::nn::simd {
namespace {

using F16 = float __attribute__((vector_size(64)));
using U16 = std::uint32_t __attribute__((vector_size(64)));
using U8L = std::uint64_t __attribute__((vector_size(64)));

TIMBRE_INLINE F16 load(const float* p) {
  F16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
TIMBRE_INLINE void store(float* p, const F16& v) { std::memcpy(p, &v, sizeof v); }

constexpr std::uint32_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57, kW0 = 0x9E3779B9, kW1 = 0xBB67AE85;

struct Words {
  U16 word[4];
};

/// High and low halves of 16 products at once: even lanes in place, odd lanes shifted down.
TIMBRE_INLINE void multiply(const U16& a, std::uint32_t m, U16& high, U16& low) {
  constexpr std::uint64_t kLow = 0xFFFFFFFF;
  const U8L pairs = reinterpret_cast<U8L>(a);
  const U8L even = (pairs & kLow) * static_cast<std::uint64_t>(m), odd = (pairs >> 32) * static_cast<std::uint64_t>(m);
  const U8L highs = (even >> 32) | (odd & ~kLow), lows = (even & kLow) | (odd << 32);
  high = reinterpret_cast<U16>(highs);
  low = reinterpret_cast<U16>(lows);
}

TIMBRE_INLINE Words philox16(NoiseKey key, std::uint64_t block) {
  constexpr U16 kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const std::uint64_t first = block * 16;  // a multiple of 16, so no lane carries into the high word
  Words w;
  w.word[0] = kLane + static_cast<std::uint32_t>(first);
  w.word[1] = U16{} + static_cast<std::uint32_t>(first >> 32);
  w.word[2] = U16{} + static_cast<std::uint32_t>(key.call);
  w.word[3] = U16{} + static_cast<std::uint32_t>(key.call >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key.key), k1 = static_cast<std::uint32_t>(key.key >> 32);
  for (int round = 0; round < 7; ++round) {
    U16 high0, low0, high1, low1;
    multiply(w.word[0], kM0, high0, low0);
    multiply(w.word[2], kM1, high1, low1);
    w = {{high1 ^ w.word[1] ^ k0, low1, high0 ^ w.word[3] ^ k1, low0}};
    k0 += kW0;
    k1 += kW1;
  }
  return w;
}

/// Sixteen 16-bit numbers of a word vector: half 0 = the low halves, half 1 = the high ones.
TIMBRE_INLINE U16 half_of(const U16& word, int half) { return half == 0 ? (word & 0xFFFFu) : (word >> 16); }

template <int K>
TIMBRE_INLINE void depthwise_row(const float* x, const float* w_KC, const float* bias, float* y, std::int64_t channels,
                                 std::int64_t step) {
  std::int64_t c = 0;
  for (; c + 16 <= channels; c += 16) {
    F16 sum = bias ? load(bias + c) : F16{};
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) sum += load(x + k * step + c) * load(w_KC + k * channels + c);
    store(y + c, sum);
  }
  for (; c < channels; ++c) {
    float sum = bias ? bias[c] : 0.0f;
    for (int k = 0; k < K; ++k) sum += x[k * step + c] * w_KC[k * channels + c];
    y[c] = sum;
  }
}

/// Any kernel size, and rows where some taps fall outside.
TIMBRE_INLINE void depthwise_row_some(const float* x, const float* w_KC, const float* bias, float* y,
                                      std::int64_t channels, std::int64_t step, std::int64_t first, std::int64_t last) {
  for (std::int64_t c = 0; c < channels; ++c) y[c] = bias ? bias[c] : 0.0f;
  for (std::int64_t k = first; k < last; ++k)
    for (std::int64_t c = 0; c < channels; ++c) y[c] += x[k * step + c] * w_KC[k * channels + c];
}

/// The taps of row t that fall inside [0, length).
TIMBRE_INLINE void taps_inside(std::int64_t t, std::int64_t length, std::int64_t kernel, std::int64_t padding,
                               std::int64_t dilation, std::int64_t& first, std::int64_t& last) {
  first = t >= padding ? 0 : (padding - t + dilation - 1) / dilation;
  const std::int64_t room = length - 1 - t + padding;
  last = room < 0 ? 0 : std::min(kernel, room / dilation + 1);
  if (last < first) last = first;
}

template <int K>
TIMBRE_INLINE void weight_gradient_chunk(const float* x, const float* g, float* dw_KC, std::int64_t rows,
                                         std::int64_t channels, std::int64_t step) {
  F16 sum[K];
#pragma GCC unroll 16
  for (int k = 0; k < K; ++k) sum[k] = load(dw_KC + k * channels);
  for (std::int64_t t = 0; t < rows; ++t) {
    const F16 gt = load(g + t * channels);
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) sum[k] += gt * load(x + t * channels + k * step);
  }
#pragma GCC unroll 16
  for (int k = 0; k < K; ++k) store(dw_KC + k * channels, sum[k]);
}

TIMBRE_INLINE void weight_gradient_row(const float* x, const float* g, float* dw_KC, std::int64_t channels,
                                       std::int64_t step, std::int64_t first, std::int64_t last, std::int64_t from) {
  for (std::int64_t k = first; k < last; ++k)
    for (std::int64_t c = from; c < channels; ++c) dw_KC[k * channels + c] += g[c] * x[k * step + c];
}

}  // namespace

TIMBRE_LEVELS void noise_block(NoiseKey key, std::uint64_t block, std::uint16_t* out_128) {
  const Words words = philox16(key, block);
  for (int word = 0; word < 4; ++word)
    for (int half = 0; half < 2; ++half) {
      const U16 numbers = half_of(words.word[word], half);
      for (int lane = 0; lane < 16; ++lane)
        out_128[(word * 2 + half) * 16 + lane] = static_cast<std::uint16_t>(numbers[lane]);
    }
}

TIMBRE_LEVELS void dropout(const float* x, const float* residual, float* out, std::int64_t count, NoiseKey key,
                           std::uint32_t threshold, float scale, std::int64_t first_block, std::int64_t last_block) {
  for (std::int64_t block = first_block; block < last_block; ++block) {
    const std::int64_t start = block * kNoiseBlock;
    const Words words = philox16(key, static_cast<std::uint64_t>(block));
    const std::int64_t here = std::min(kNoiseBlock, count - start);
    float padded_x[kNoiseBlock], padded_r[kNoiseBlock], padded_out[kNoiseBlock];
    const float* in = x + start;
    const float* add_to = residual ? residual + start : nullptr;
    float* to = out + start;
    if (here < kNoiseBlock) {  // the tail goes through full blocks of scratch
      std::memset(padded_x, 0, sizeof padded_x);
      std::memcpy(padded_x, in, sizeof(float) * static_cast<std::size_t>(here));
      in = padded_x;
      if (add_to) {
        std::memset(padded_r, 0, sizeof padded_r);
        std::memcpy(padded_r, add_to, sizeof(float) * static_cast<std::size_t>(here));
        add_to = padded_r;
      }
      to = padded_out;
    }
#pragma GCC unroll 8
    for (int part = 0; part < 8; ++part) {
      const U16 noise = half_of(words.word[part / 2], part % 2);
      const auto kept = noise >= threshold;
      F16 value = load(in + part * 16) * scale;
      value = kept ? value : F16{};
      if (add_to) value += load(add_to + part * 16);
      store(to + part * 16, value);
    }
    if (here < kNoiseBlock) std::memcpy(out + start, padded_out, sizeof(float) * static_cast<std::size_t>(here));
  }
}

TIMBRE_LEVELS void depthwise_forward(const float* x_TC, const float* w_KC, const float* bias_C, float* y_TC,
                                     std::int64_t length, std::int64_t channels, std::int64_t kernel,
                                     std::int64_t padding, std::int64_t dilation) {
  const std::int64_t rows = length + 2 * padding - (kernel - 1) * dilation, step = dilation * channels;
  for (std::int64_t t = 0; t < rows; ++t) {
    std::int64_t first, last;
    taps_inside(t, length, kernel, padding, dilation, first, last);
    const float* x = x_TC + (t - padding) * channels;
    float* y = y_TC + t * channels;
    if (first > 0 || last < kernel) {
      depthwise_row_some(x, w_KC, bias_C, y, channels, step, first, last);
      continue;
    }
    switch (kernel) {
      case 3:
        depthwise_row<3>(x, w_KC, bias_C, y, channels, step);
        break;
      case 5:
        depthwise_row<5>(x, w_KC, bias_C, y, channels, step);
        break;
      case 7:
        depthwise_row<7>(x, w_KC, bias_C, y, channels, step);
        break;
      case 9:
        depthwise_row<9>(x, w_KC, bias_C, y, channels, step);
        break;
      case 11:
        depthwise_row<11>(x, w_KC, bias_C, y, channels, step);
        break;
      default:
        depthwise_row_some(x, w_KC, bias_C, y, channels, step, 0, kernel);
    }
  }
}

TIMBRE_LEVELS void depthwise_weight_gradient(const float* x_TC, const float* g_TC, float* dw_KC, std::int64_t length,
                                             std::int64_t channels, std::int64_t kernel, std::int64_t padding,
                                             std::int64_t dilation) {
  const std::int64_t rows = length + 2 * padding - (kernel - 1) * dilation, step = dilation * channels;
  // Rows whose taps are all inside form one run; the few others go one by one.
  const std::int64_t whole_from = std::clamp<std::int64_t>(padding, 0, rows);
  const std::int64_t whole_to = std::clamp<std::int64_t>(length + padding - (kernel - 1) * dilation, whole_from, rows);
  const bool fast = kernel == 3 || kernel == 5 || kernel == 7 || kernel == 9 || kernel == 11;
  const std::int64_t wide = fast ? channels / 16 * 16 : 0;
  for (std::int64_t t = 0; t < rows; ++t) {
    std::int64_t first, last;
    taps_inside(t, length, kernel, padding, dilation, first, last);
    const bool whole = t >= whole_from && t < whole_to;
    weight_gradient_row(x_TC + (t - padding) * channels, g_TC + t * channels, dw_KC, channels, step, first, last,
                        whole ? wide : 0);
  }
  const std::int64_t count = whole_to - whole_from;
  constexpr std::int64_t kRows = 64;  // rows of one strip stay in the first-level cache over all channels
  for (std::int64_t at = 0; at < count; at += kRows) {
    const std::int64_t n = std::min(kRows, count - at);
    const float* x = x_TC + (whole_from + at - padding) * channels;
    const float* g = g_TC + (whole_from + at) * channels;
    for (std::int64_t c = 0; c < wide; c += 16) {
      switch (kernel) {
        case 3:
          weight_gradient_chunk<3>(x + c, g + c, dw_KC + c, n, channels, step);
          break;
        case 5:
          weight_gradient_chunk<5>(x + c, g + c, dw_KC + c, n, channels, step);
          break;
        case 7:
          weight_gradient_chunk<7>(x + c, g + c, dw_KC + c, n, channels, step);
          break;
        case 9:
          weight_gradient_chunk<9>(x + c, g + c, dw_KC + c, n, channels, step);
          break;
        case 11:
          weight_gradient_chunk<11>(x + c, g + c, dw_KC + c, n, channels, step);
          break;
      }
    }
  }
}

TIMBRE_LEVELS void add(const float* from, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += from[i];
}

}  // namespace timbre::nn::simd
