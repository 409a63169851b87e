#pragma once
#include <cstdint>
#include <cstring>

/// Eight floats or four doubles as one value. GCC and Clang turn it into whatever the surrounding function's target
/// has: one AVX register, two of SSE or NEON. Everything here is inlined into its caller, so no copy compiled for one
/// CPU can be linked for another.
namespace timbre::audio {

#define TIMBRE_INLINE inline __attribute__((always_inline))

typedef float V8 __attribute__((vector_size(32)));
typedef float V4 __attribute__((vector_size(16)));
typedef double D4 __attribute__((vector_size(32)));
typedef std::int32_t I8 __attribute__((vector_size(32)));

template <class T>
struct LanesOf;
template <>
struct LanesOf<float> {
  typedef V8 Vector;
};
template <>
struct LanesOf<double> {
  typedef D4 Vector;
};
template <class T>
using Lanes = typename LanesOf<T>::Vector;

template <class T>
TIMBRE_INLINE void load(Lanes<T>& out, const T* from) {
  std::memcpy(&out, __builtin_assume_aligned(from, 32), sizeof out);
}
template <class T>
TIMBRE_INLINE void load_any(Lanes<T>& out, const T* from) {
  std::memcpy(&out, from, sizeof out);
}
template <class T>
TIMBRE_INLINE void store(T* to, const Lanes<T>& v) {
  std::memcpy(__builtin_assume_aligned(to, 32), &v, sizeof v);
}

TIMBRE_INLINE void square_root(V8& v) {
  for (int i = 0; i < 8; ++i) v[i] = __builtin_sqrtf(v[i]);
}

/// The same of four; one instruction where every CPU of the architecture has it (a scalar root must mind errno).
TIMBRE_INLINE void square_root(V4& v) {
#if defined(__x86_64__)
  v = __builtin_ia32_sqrtps(v);
#else
  for (int i = 0; i < 4; ++i) v[i] = __builtin_sqrtf(v[i]);
#endif
}

/// Natural logarithm of positive, normal numbers; within 2 ulp. x = m·2^e, √½ ≤ m < √2, ln m = 2·artanh((m−1)/(m+1)).
TIMBRE_INLINE void natural_log(V8& v) {
  I8 bits;
  std::memcpy(&bits, &v, sizeof bits);
  const I8 shifted = bits - 0x3F3504F3;  // bits of √½
  const I8 exponent = shifted >> 23;
  const I8 mantissa = bits - (exponent << 23);
  V8 m;
  std::memcpy(&m, &mantissa, sizeof m);
  const V8 e = __builtin_convertvector(exponent, V8);
  const V8 s = (m - 1.0f) / (m + 1.0f);
  const V8 q = s * s;
  const V8 series = q * (0.66666667f + q * (0.4f + q * (0.28571429f + q * 0.22222222f)));
  // ln 2 in two parts: the product with the exponent stays exact in the first.
  v = e * 0.693145751953125f + (s * 2.0f + (s * series + e * 1.42860677e-06f));
}

}  // namespace timbre::audio
