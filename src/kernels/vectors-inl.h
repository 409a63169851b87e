#pragma once
#include <cstring>

// Vectors cross only functions that are inlined, so no calling convention is at stake.
#pragma GCC diagnostic ignored "-Wpsabi"
#define TIMBRE_INLINE __attribute__((always_inline)) inline

/// Vectors that the compiler lowers to what each CPU level has.
namespace timbre::kernels::inl {

using V4 = float __attribute__((vector_size(16)));
using V8 = float __attribute__((vector_size(32)));
using V16 = float __attribute__((vector_size(64)));

template <class V>
TIMBRE_INLINE V load(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V>
TIMBRE_INLINE void store(float* p, const V& v) {
  std::memcpy(p, &v, sizeof v);
}

}  // namespace timbre::kernels::inl
