#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Mel-frequency cepstra for alignment (Davis & Mermelstein 1980). Not the mel of the voices: that is audio/mel.h.
namespace timbre::align {

struct MfccOptions {
  double rate_hz = 16000;
  double window_s = 0.020;  ///< Hamming
  double hop_s = 0.010;     ///< frame f is centred on (f + ½)·hop
  std::int64_t mels = 26;
  std::int64_t coefficients = 13;      ///< c0 … c12
  double low_hz = 80, high_hz = 7600;  ///< clipped to half the rate
  double preemphasis = 0.97;
  std::int64_t delta_frames = 2;  ///< half width of the regression for Δ; ΔΔ is Δ of Δ
};

/// F frames × D = 3·coefficients values (statics, Δ, ΔΔ), row-major, not normalised.
struct Features {
  std::int64_t frames = 0, width = 0;
  std::vector<float> values_FD;
  std::span<const float> row(std::int64_t frame) const {
    return {values_FD.data() + frame * width, static_cast<std::size_t>(width)};
  }
};

/// frames = floor(samples / hop), at least 1; samples beyond the ends count as zero.
Features mfcc(std::span<const float> wave_N, const MfccOptions& options);

}  // namespace timbre::align
