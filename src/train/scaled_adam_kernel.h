#pragma once
#include <cstdint>

/// The two passes of ScaledAdam over one tensor on plain arrays, compiled for several CPU levels.
namespace timbre::train::kernel {

/// Sums over a stretch of a tensor.
struct Sums {
  double gg = 0;  ///< Σ g²
  double pg = 0;  ///< Σ p·g
  double pp = 0;  ///< Σ p²; only when asked for
};
Sums scaled_sums(const float* p, const float* g, std::int64_t count, bool squares_of_p);

/// Numbers of one update; see ScaledAdam.
struct Update {
  float beta1 = 0, beta2 = 0, left2 = 0;  ///< left2 = 1 - beta2, rounded once
  float correction = 1;                   ///< of the second moment
  float eps = 0;
  float rate = 0;    ///< lr·(1 - beta1)·rms
  float shrink = 0;  ///< times p, into delta: the size's own step
};
/// v = β2·v + (1-β2)·g²; d = β1·d + shrink·p - rate·g/(√(correction·v) + eps); p += d. g null = a gradient of zero.
void scaled_update(float* p, const float* g, float* d, float* v, std::int64_t count, const Update& u);

}  // namespace timbre::train::kernel
