#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/aligned.h"

namespace timbre::audio {

using timbre::Aligned;

/// Real FFTs of several signals at once, 8 in float and 4 in double: element i of signal l lies at [i · kLanes + l], so
/// every butterfly is one vector operation and nothing is ever shuffled. Stockham's self-sorting algorithm, radix 8
/// with 4, 2 and any odd prime for the rest; AVX2/AVX-512 text is chosen at run time (TIMBRE_CPU=scalar turns it off).
template <class T>
class RealFft {
 public:
  static constexpr std::int64_t kLanes = 32 / sizeof(T);

  /// Even sizes ≥ 2. Throws UsageError for others.
  explicit RealFft(std::int64_t size);

  std::int64_t size() const { return size_; }
  std::int64_t bins() const { return size_ / 2 + 1; }
  /// Numbers that `scratch` of the transforms must hold.
  std::size_t scratch_size() const { return static_cast<std::size_t>(size_ * 2 * kLanes); }

  /// x_NL: size × lanes → re_BL, im_BL: bins × lanes. No scaling. All pointers 32-byte aligned; x may not overlap the
  /// rest.
  void forward(const T* x_NL, T* re_BL, T* im_BL, T* scratch) const;
  /// The inverse, scaled by 1/size. Imaginary parts of the first and last bin are ignored.
  void inverse(const T* re_BL, const T* im_BL, T* x_NL, T* scratch) const;

  /// One pass of the complex transform, for the vector text in fft_passes-inl.h.
  struct Pass {
    std::int64_t radix, blocks, stride;  ///< length/radix, and the number of interleaved transforms
    std::size_t twiddles;                ///< index of the first; (radix − 1) complex numbers a block
  };
  struct Plan {
    std::int64_t half;  ///< complex length
    std::vector<Pass> passes;
    std::vector<T> twiddles;
    std::vector<T> split;  ///< cos, sin of 2πk/size, k = 0 … half
    std::vector<T> roots;  ///< cos, sin of 2πk/radix of every odd radix, by pass
  };

 private:
  std::int64_t size_;
  std::shared_ptr<const Plan> plan_;
};

}  // namespace timbre::audio
