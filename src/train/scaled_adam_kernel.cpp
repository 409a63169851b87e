#include "train/scaled_adam_kernel.h"

#include <algorithm>

// Chosen by the loader for the CPU at hand (GNU indirect functions), as in nn/simd.cpp.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TIMBRE_LEVELS                                                          \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), \
                 optimize("O3", "no-math-errno", "no-trapping-math")))
#else
#define TIMBRE_LEVELS
#endif

namespace timbre::train::kernel {
namespace {

constexpr std::int64_t kLanes = 32;
/// Numbers that are added up in single precision before they go into a double.
constexpr std::int64_t kRun = 4096;

}  // namespace

TIMBRE_LEVELS Sums scaled_sums(const float* __restrict p, const float* __restrict g, std::int64_t count,
                               bool squares_of_p) {
  Sums sums;
  for (std::int64_t from = 0; from < count; from += kRun) {
    const std::int64_t n = std::min(kRun, count - from), whole = n / kLanes * kLanes;
    float gg[kLanes] = {}, pg[kLanes] = {}, pp[kLanes] = {};
    const float *a = p + from, *b = g + from;
    for (std::int64_t i = 0; i < whole; i += kLanes)
      for (std::int64_t l = 0; l < kLanes; ++l) {
        gg[l] += b[i + l] * b[i + l];
        pg[l] += a[i + l] * b[i + l];
      }
    if (squares_of_p)
      for (std::int64_t i = 0; i < whole; i += kLanes)
        for (std::int64_t l = 0; l < kLanes; ++l) pp[l] += a[i + l] * a[i + l];
    for (std::int64_t i = whole; i < n; ++i) {
      gg[0] += b[i] * b[i];
      pg[0] += a[i] * b[i];
      if (squares_of_p) pp[0] += a[i] * a[i];
    }
    for (std::int64_t l = 0; l < kLanes; ++l) {
      sums.gg += static_cast<double>(gg[l]);
      sums.pg += static_cast<double>(pg[l]);
      sums.pp += static_cast<double>(pp[l]);
    }
  }
  return sums;
}

TIMBRE_LEVELS void scaled_update(float* __restrict p, const float* __restrict g, float* __restrict d,
                                 float* __restrict v, std::int64_t count, const Update& given) {
  const Update u = given;
  if (!g) {
    for (std::int64_t i = 0; i < count; ++i) {
      v[i] *= u.beta2;
      d[i] = u.beta1 * d[i] + u.shrink * p[i];
      p[i] += d[i];
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const float square = u.beta2 * v[i] + u.left2 * (g[i] * g[i]);
    v[i] = square;
    const float step = u.rate * g[i] / (__builtin_sqrtf(u.correction * square) + u.eps);
    d[i] = u.beta1 * d[i] + u.shrink * p[i] - step;
    p[i] += d[i];
  }
}

}  // namespace timbre::train::kernel
