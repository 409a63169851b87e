#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audio/fft.h"

namespace timbre::audio {

/// How the ends are filled. center: reflect fft/2 on both sides, 1 + N/hop frames; center_zero: the same with zeros;
/// same: reflect (fft − hop)/2, N/hop frames.
enum class Padding { center, center_zero, same };
/// By its name. Throws UsageError for another.
Padding padding_named(std::string_view name);

/// Short-time Fourier transform of a real signal, several frames at a time, and its least-squares inverse. In double
/// for features, whose quiet bins beside loud ones would otherwise carry float's rounding (1e-4 in the logarithm); in
/// float for synthesis.
template <class T>
class Stft {
 public:
  /// Frames of one block: 8 in float, 4 in double.
  static constexpr std::int64_t kLanes = RealFft<T>::kLanes;

  /// Periodic Hann window. Throws UsageError for sizes that do not fit together.
  Stft(std::int64_t fft_samples, std::int64_t window_samples, std::int64_t hop_samples, Padding padding);

  std::int64_t bins() const { return fft_.bins(); }
  /// Samples of padding on each side.
  std::int64_t pad() const { return pad_; }
  /// Frames of a signal of that many samples; 0 when it is too short to be reflected.
  std::int64_t frames(std::int64_t samples) const;
  /// Samples of the signal made of that many frames.
  std::int64_t samples(std::int64_t frames) const;
  /// The signal with both ends filled by reflection. Throws DataError when it is too short.
  std::vector<T> padded(std::span<const float> wave_N) const;

  /// Working memory of one thread.
  struct Scratch {
    Aligned<T> hops, frames, fft;
  };
  Scratch scratch() const;

  /// Spectra of kLanes frames from `first` of a padded signal; frames beyond its end are made of zeros.
  /// re_BL, im_BL: bins × kLanes, 32-byte aligned.
  void block(std::span<const T> padded_N, std::int64_t first, T* re_BL, T* im_BL, Scratch& scratch) const;

  /// Adds the windowed inverse of `count` ≤ kLanes frames to a padded signal (overlap-add, not yet divided).
  void add_block(const T* re_BL, const T* im_BL, std::int64_t first, std::int64_t count, std::span<T> padded_N,
                 Scratch& scratch) const;
  /// 1 / Σ window² of every padded sample for that many frames: what overlap-add must be multiplied with.
  std::vector<T> overlap_weights(std::int64_t frames) const;
  /// Length of the padded signal that exactly holds that many frames.
  std::int64_t padded_samples(std::int64_t frames) const { return (frames - 1) * hop_ + fft_.size(); }

 private:
  RealFft<T> fft_;
  std::int64_t hop_, pad_;
  Padding padding_;
  Aligned<T> window_;
  std::int64_t window_first_, window_end_;  ///< where the window is not zero
};

}  // namespace timbre::audio
