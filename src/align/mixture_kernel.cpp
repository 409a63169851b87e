#include "align/mixture_kernel.h"

// The one file with target attributes: GCC emits one copy of score_block a CPU level and picks at load time.
// It includes no standard templates, so no inline function compiled for a newer CPU can leak out of here.
// Clang and the sanitizers do not get along with load-time selection; they use the lowest level.
#ifdef __x86_64__
#ifndef __clang__
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
#define TIMBRE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#endif
#endif
#endif
#ifndef TIMBRE_CLONES
#define TIMBRE_CLONES
#endif
#define TIMBRE_INLINE inline __attribute__((always_inline))

namespace timbre::align::kernel {
namespace {

using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = int __attribute__((vector_size(kLanes * sizeof(int))));

// e^x for x ≤ 0, relative error 3e-6 (Cephes' split and polynomial); 0 below −87.
TIMBRE_INLINE void exp_lanes(const Lanes& x, Lanes& out) {
  const Lanes clipped = x < -87.0f ? Lanes{} - 87.0f : x;
  const Lanes scaled = clipped * 1.44269504f - 0.5f;
  const Ints n = __builtin_convertvector(scaled, Ints);  // towards zero: scaled ≤ 0, so this is round(clipped · log2 e)
  const Lanes whole = __builtin_convertvector(n, Lanes);
  const Lanes r = clipped - whole * 0.693359375f + whole * 2.12194440e-4f;
  const Lanes p = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
                   1.6666665459e-1f) *
                      r +
                  5.0000001201e-1f;
  const Lanes y = p * r * r + r + 1.0f;
  const Ints bits = (n + 127) << 23;
  const Lanes power = (Lanes)bits;
  out = x < -87.0f ? Lanes{} : y * power;
}

// ln x for 1 ≤ x ≤ 1024, absolute error below 1e-6: exponent by bits, mantissa by the atanh series.
TIMBRE_INLINE void log_lanes(const Lanes& x, Lanes& out) {
  const Ints bits = (Ints)x;
  const Ints exponent = (bits >> 23) - 127;
  const Lanes mantissa = (Lanes)((bits & 0x7FFFFF) | 0x3F800000);  // [1, 2)
  const Lanes s = (mantissa - 1.0f) / (mantissa + 1.0f);           // [0, 1/3)
  const Lanes s2 = s * s;
  const Lanes series =
      2.0f * s *
      (1.0f + s2 * (0.333333333f + s2 * (0.2f + s2 * (0.142857143f + s2 * (0.111111111f + s2 * 0.090909091f)))));
  out = __builtin_convertvector(exponent, Lanes) * 0.693147181f + series;
}

}  // namespace

TIMBRE_CLONES void score_block(const float* x_DK, std::int64_t width, const float* constant, const float* terms,
                               std::int64_t gaussians, float* out) {
  constexpr std::int64_t kMost = 32;
  Lanes score[kMost];
  const std::int64_t count = gaussians < kMost ? gaussians : kMost;
  Lanes best = Lanes{} - 1e30f;
  for (std::int64_t g = 0; g < count; ++g) {
    const float* term = terms + g * width * 2;
    Lanes sum = Lanes{} + constant[g], other = Lanes{};
    std::int64_t d = 0;
    for (; d + 1 < width; d += 2) {  // two chains hide the latency of the additions
      Lanes a, b;
      __builtin_memcpy(&a, x_DK + d * kLanes, sizeof a);
      __builtin_memcpy(&b, x_DK + (d + 1) * kLanes, sizeof b);
      sum += a * (term[2 * d] + a * term[2 * d + 1]);
      other += b * (term[2 * d + 2] + b * term[2 * d + 3]);
    }
    if (d < width) {
      Lanes a;
      __builtin_memcpy(&a, x_DK + d * kLanes, sizeof a);
      sum += a * (term[2 * d] + a * term[2 * d + 1]);
    }
    sum += other;
    score[g] = sum;
    best = sum > best ? sum : best;
  }
  if (count > 1) {
    Lanes total = Lanes{};
    for (std::int64_t g = 0; g < count; ++g) {
      Lanes e;
      exp_lanes(score[g] - best, e);
      total += e;
    }
    Lanes ln;
    log_lanes(total, ln);
    best += ln;
  }
  __builtin_memcpy(out, &best, sizeof best);
}

}  // namespace timbre::align::kernel
