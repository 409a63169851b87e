#pragma once
#include <cstdint>

#include "kernels/vectors-inl.h"

/// eˣ, sine, cosine, tanh and the normal distribution on vectors, by range reduction and polynomials.
namespace timbre::kernels::inl {

using I16 = std::int32_t __attribute__((vector_size(64)));
using D8 = double __attribute__((vector_size(64)));
using L8 = std::int64_t __attribute__((vector_size(64)));

/// x = n · ln 2 + r; e^r by its series, 2ⁿ in two halves so that neither leaves the exponent's range.
TIMBRE_INLINE V16 exp(const V16& argument) {
  constexpr float kRound = 12582912.0f;  // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  const V16 above = argument < -104.0f ? V16{} - 104.0f : argument, x = above > 89.0f ? V16{} + 89.0f : above;
  const V16 shifted = x * kLog2E + kRound, n = shifted - kRound;
  const I16 whole = reinterpret_cast<I16>(shifted) - reinterpret_cast<I16>(V16{} + kRound), half = whole >> 1;
  const V16 r = (x - n * kLn2High) - n * kLn2Low;
  V16 p = V16{} + 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  return p * reinterpret_cast<V16>((half + 127) << 23) * reinterpret_cast<V16>((whole - half + 127) << 23);
}

/// x = q · π/2 + r, |r| ≤ π/4, in double precision.
TIMBRE_INLINE void sin_cos(const V8& x, V8& sine, V8& cosine) {
  constexpr double kRound = 6755399441055744.0;  // 1.5 · 2⁵²
  constexpr double kTwoOverPi = 0.63661977236758134308, kHalfPi = 1.57079632679489661923;
  const D8 wide = __builtin_convertvector(x, D8);
  const D8 shifted = wide * kTwoOverPi + kRound, r = wide - (shifted - kRound) * kHalfPi, rr = r * r;
  const L8 quarter = reinterpret_cast<L8>(shifted);
  D8 s = D8{} - 1.0 / 39916800;
  s = s * rr + 1.0 / 362880;
  s = s * rr - 1.0 / 5040;
  s = s * rr + 1.0 / 120;
  s = s * rr - 1.0 / 6;
  s = s * rr * r + r;
  D8 c = D8{} + 1.0 / 479001600;
  c = c * rr - 1.0 / 3628800;
  c = c * rr + 1.0 / 40320;
  c = c * rr - 1.0 / 720;
  c = c * rr + 1.0 / 24;
  c = c * rr - 0.5;
  c = c * rr + 1.0;
  const L8 swapped = -(quarter & 1), sine_negative = (quarter & 2) << 62, cosine_negative = ((quarter + 1) & 2) << 62;
  const L8 s_bits = reinterpret_cast<L8>(s), c_bits = reinterpret_cast<L8>(c);
  const L8 sine_bits = ((s_bits & ~swapped) | (c_bits & swapped)) ^ sine_negative;
  const L8 cosine_bits = ((c_bits & ~swapped) | (s_bits & swapped)) ^ cosine_negative;
  sine = __builtin_convertvector(reinterpret_cast<D8>(sine_bits), V8);
  cosine = __builtin_convertvector(reinterpret_cast<D8>(cosine_bits), V8);
}

TIMBRE_INLINE V16 with_sign_of(const V16& magnitude, const V16& sign) {
  return reinterpret_cast<V16>(reinterpret_cast<I16>(magnitude) | (reinterpret_cast<I16>(sign) & INT32_MIN));
}
TIMBRE_INLINE V16 absolute(const V16& x) { return reinterpret_cast<V16>(reinterpret_cast<I16>(x) & INT32_MAX); }

/// (1 − e^−2|x|) / (1 + e^−2|x|), and near 0, where that cancels, the series.
TIMBRE_INLINE V16 tanh(const V16& x) {
  const V16 e = exp(absolute(x) * -2.0f), far = with_sign_of((1.0f - e) / (1.0f + e), x), xx = x * x;
  V16 near = V16{} + 62.0f / 2835;
  near = near * xx - 17.0f / 315;
  near = near * xx + 2.0f / 15;
  near = near * xx - 1.0f / 3;
  near = near * xx * x + x;
  return xx < 0.0625f ? near : far;
}

TIMBRE_INLINE V16 sigmoid(const V16& x) { return 1.0f / (1.0f + exp(-x)); }

/// The normal distribution minus a half, within 1e-7: x · P(t) with t = 2 x² / 5.5² − 1, x held within ±5.5. P is the
/// polynomial of degree 16 nearest to (Φ(x) − ½) / x at 400 Chebyshev nodes of t, errors weighted by |x| + 0.2.
TIMBRE_INLINE V16 normal_minus_half(const V16& argument) {
  constexpr float kEnd = 5.5f;
  constexpr float kP[] = {9.779630636e-05f,  -2.765928512e-04f, 2.609203511e-04f,  -3.889171930e-04f, 1.289158827e-03f,
                          -2.613371238e-03f, 4.168261774e-03f,  -6.683032028e-03f, 1.042736229e-02f,  -1.505023986e-02f,
                          2.031707950e-02f,  -2.603852749e-02f, 3.207578510e-02f,  -3.879359365e-02f, 4.773738235e-02f,
                          -6.417232007e-02f, 1.285519302e-01f};
  const V16 above = argument < -kEnd ? V16{} - kEnd : argument, x = above > kEnd ? V16{} + kEnd : above;
  const V16 t = x * x * (2 / (kEnd * kEnd)) - 1.0f;
  V16 p = V16{} + kP[0];
#pragma GCC unroll 16
  for (int i = 1; i < 17; ++i) p = p * t + kP[i];
  return x * p;
}

TIMBRE_INLINE V16 gelu(const V16& x) { return x * (0.5f + normal_minus_half(x)); }
TIMBRE_INLINE V16 gelu_tanh(const V16& x) {
  return 0.5f * x * (1.0f + tanh(0.79788456f * (x + 0.044715f * x * x * x)));
}
TIMBRE_INLINE V16 elu(const V16& x) { return x > 0.0f ? x : exp(x) - 1.0f; }

}  // namespace timbre::kernels::inl
