#pragma once
#include "audio/mel.h"
#include "nn/shapes.h"

/// Spectra of waveforms inside a loss: short-time magnitudes and mels with gradients. The numbers are those of
/// audio::MelMaker but for single precision.
/// Letters: N samples, F frames, K bins (fft/2 + 1), M mels.
namespace timbre::nn {

/// Ends filled by reflection, `pad` samples on each side: [B, N] → [B, N + 2·pad].
Tensor reflect_ends(const Tensor& wave_BN, std::int64_t pad);

/// Short-time Fourier transform with a periodic Hann window.
class Stft {
 public:
  struct Options {
    std::int64_t fft_samples = 1024, window_samples = 1024, hop_samples = 256;
    std::int64_t pad = 512;  ///< samples reflected at both ends; fft/2 = padding center, (fft - hop)/2 = same
    bool reflect = true;     ///< else filled with zeros
  };
  explicit Stft(const Options& options);
  /// Complex [B, F, K].
  Tensor forward(const Tensor& wave_BN) const;
  /// √(|X|² + under_root) [B, F, K]. Magnitudes below 1e-7 have no gradient.
  Tensor magnitude(const Tensor& wave_BN, double under_root = 0) const;
  const Options& options() const { return options_; }

 private:
  Options options_;
  mutable Tensor window_S_;
};

/// Log-mel spectrogram of audio::MelOptions: conventions, paddings, floors and logarithms as audio/mel.h has them.
class MelSpectrogram {
 public:
  /// Throws UsageError for settings that cannot be used.
  explicit MelSpectrogram(const audio::MelOptions& options);
  /// [B, N] → [B, F, M].
  Tensor forward(const Tensor& wave_BN) const;
  const audio::MelOptions& options() const { return options_; }

 private:
  audio::MelOptions options_;
  Stft stft_;
  mutable Tensor filters_KM_;
};

/// Spectral convergence and log-magnitude distance at several resolutions (Yamamoto et al. 2020, arXiv 1910.11480
/// §2.2), whose sum is the loss: phases are free, the shape of the spectrum in time and frequency is not.
class MultiResolutionStft {
 public:
  /// Sizes of transforms and windows; the hop is a quarter.
  explicit MultiResolutionStft(const std::vector<std::int64_t>& sizes = {512, 1024, 2048});
  struct Distance {
    Tensor convergence;    ///< mean over resolutions of ‖|X| - |Y|‖ / ‖|Y|‖; a scalar
    Tensor log_magnitude;  ///< mean over resolutions of the mean |ln|X| - ln|Y||
  };
  /// `made_BN` gets the gradient, `real_BN` none.
  Distance forward(const Tensor& made_BN, const Tensor& real_BN) const;

 private:
  std::vector<Stft> resolutions_;
};

}  // namespace timbre::nn
