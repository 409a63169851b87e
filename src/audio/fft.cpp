#include "audio/fft.h"

#include <cmath>
#include <numbers>

#include "audio/fft_passes-inl.h"
#include "base/cpu_levels.h"
#include "base/error.h"

namespace timbre::audio {

namespace {

using Plan32 = RealFft<float>::Plan;
using Plan64 = RealFft<double>::Plan;

TIMBRE_FOR_EACH_CPU(void, forward32, (const Plan32& plan, const float* x, float* re, float* im, float* scratch),
                    (plan, x, re, im, scratch))
TIMBRE_FOR_EACH_CPU(void, forward64, (const Plan64& plan, const double* x, double* re, double* im, double* scratch),
                    (plan, x, re, im, scratch))
TIMBRE_FOR_EACH_CPU(void, inverse32, (const Plan32& plan, const float* re, const float* im, float* x, float* scratch),
                    (plan, re, im, x, scratch))
TIMBRE_FOR_EACH_CPU(void, inverse64,
                    (const Plan64& plan, const double* re, const double* im, double* x, double* scratch),
                    (plan, re, im, x, scratch))

/// 8 first, then 4 and 2, then odd primes.
std::vector<std::int64_t> factors(std::int64_t n) {
  std::vector<std::int64_t> out;
  for (std::int64_t r : {8, 4, 2}) {
    while (n % r == 0) {
      out.push_back(r);
      n /= r;
    }
  }
  for (std::int64_t r = 3; n > 1; r += 2) {
    while (n % r == 0) {
      out.push_back(r);
      n /= r;
    }
  }
  return out;
}

template <class T>
void push_root(std::vector<T>& to, std::int64_t k, std::int64_t n) {
  const double angle = 2 * std::numbers::pi * static_cast<double>(k % n) / static_cast<double>(n);
  to.push_back(static_cast<T>(std::cos(angle)));
  to.push_back(static_cast<T>(std::sin(angle)));
}

}  // namespace

template <class T>
RealFft<T>::RealFft(std::int64_t size) : size_(size) {
  if (size < 2 || size % 2 != 0)
    throw UsageError(fmt::format("an FFT of {} samples is not supported", size),
                     "use an even size, best a power of two");
  auto plan = std::make_shared<Plan>();
  plan->half = size / 2;
  std::int64_t length = plan->half, stride = 1;
  for (std::int64_t radix : factors(plan->half)) {
    plan->passes.push_back({radix, length / radix, stride, plan->twiddles.size()});
    for (std::int64_t p = 0; p < length / radix; ++p) {
      for (std::int64_t j = 1; j < radix; ++j) push_root(plan->twiddles, p * j, length);
    }
    if (radix > 8 || radix % 2 == 1) {
      for (std::int64_t k = 0; k < radix; ++k) push_root(plan->roots, k, radix);
    }
    length /= radix;
    stride *= radix;
  }
  for (std::int64_t k = 0; k <= plan->half; ++k) push_root(plan->split, k, size);
  plan_ = std::move(plan);
}

template <class T>
void RealFft<T>::forward(const T* x_NL, T* re_BL, T* im_BL, T* scratch) const {
  if constexpr (sizeof(T) == 4)
    forward32(*plan_, x_NL, re_BL, im_BL, scratch);
  else
    forward64(*plan_, x_NL, re_BL, im_BL, scratch);
}

template <class T>
void RealFft<T>::inverse(const T* re_BL, const T* im_BL, T* x_NL, T* scratch) const {
  if constexpr (sizeof(T) == 4)
    inverse32(*plan_, re_BL, im_BL, x_NL, scratch);
  else
    inverse64(*plan_, re_BL, im_BL, x_NL, scratch);
}

template class RealFft<float>;
template class RealFft<double>;

}  // namespace timbre::audio
