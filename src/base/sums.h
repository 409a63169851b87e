#pragma once
#include <algorithm>
#include <cstddef>

namespace timbre {

/// NumPy's sum: pairwise over blocks of 128 with eight running sums, so that figures taken over from it agree to the
/// last bit or nearly (numpy/core/src/umath/loops_utils, DOUBLE_pairwise_sum).
template <class T>
T pairwise_sum(const T* x, std::size_t n) {
  if (n < 8) {
    T sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  if (n <= 128) {
    T r[8];
    std::copy(x, x + 8, r);
    std::size_t i = 8;
    for (; i + 8 <= n; i += 8) {
      for (std::size_t k = 0; k < 8; ++k) r[k] += x[i + k];
    }
    T sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += x[i];
    return sum;
  }
  const std::size_t half = n / 2 - n / 2 % 8;
  return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
}

}  // namespace timbre
